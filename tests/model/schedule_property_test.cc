// The streaming model against the slow reference: on random schedules, on the recordings of this tree and on those of
// the lab, which is $WAKEWATCH_LAB, or ../shared/lab beside the tree. Every measured wait has the same buckets, to the
// nanosecond, and the same excess.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "analysis/model/sched_model.h"
#include "analysis/report/engine_test_support.h"
#include "analysis/trace/test_files.h"
#include "analysis/trace/zstd_frame.h"
#include "tests/model/random_schedule.h"
#include "tests/model/slow_schedule.h"
#include "tests/recordings.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

struct Answer {
  WaitKind kind = WaitKind::kNone;
  int32_t pid = 0;
  uint64_t start_ns = 0, wakeup_ns = 0, in_ns = 0;
  DelayBuckets buckets;
  uint64_t excess_ns = 0;
  bool affinity_known = false;
  bool operator==(const Answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << "wait of " << answer.pid << " [" << answer.start_ns << ", " << answer.wakeup_ns << ", " << answer.in_ns
      << ") kind " << static_cast<int>(answer.kind) << (answer.affinity_known ? ", affinity known" : "") << ", excess "
      << answer.excess_ns;
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (answer.buckets.ns[i] != 0) out << ", " << Name(static_cast<Bucket>(i)) << ' ' << answer.buckets.ns[i];
  }
  return out;
}

// `saved_at`: in front of that event the engine is saved, and another one goes on.
std::vector<Answer> Streamed(const TraceInput& input, const std::vector<Event>& events, uint64_t tolerance_ns,
                             size_t saved_at = SIZE_MAX) {
  std::vector<Answer> answers;
  EngineOptions options;
  options.dispatch_tolerance_ns = tolerance_ns;
  options.on_wait = [&answers](const MeasuredWait& wait) {
    answers.push_back({wait.kind, wait.pid, wait.start_ns, wait.wakeup_ns, wait.in_ns, wait.buckets, wait.excess_ns,
                       wait.affinity_known});
  };
  auto engine = engine_test::MakeEngine(input, options);
  for (size_t i = 0; i < events.size(); ++i) {
    if (i == saved_at) {
      auto restored = Engine::Restore(input, options, engine->Save());
      EXPECT_TRUE(restored);
      if (restored) engine = *std::move(restored);
    }
    engine->Push(events[i]);
  }
  return answers;
}

std::vector<Answer> Recounted(const TraceInput& input, const std::vector<Event>& events, uint64_t tolerance_ns) {
  std::vector<Answer> answers;
  for (const slow::Account& account : slow::Accounts(input, events)) {
    answers.push_back({account.kind, account.pid, account.start_ns, account.wakeup_ns, account.in_ns, account.buckets,
                       account.ExcessNs(tolerance_ns), account.affinity_known});
  }
  return answers;
}

// What the two say of the first wait of which they say different things; none when they agree.
std::optional<std::string> Difference(const std::vector<Answer>& streamed, const std::vector<Answer>& recounted) {
  const size_t common = std::min(streamed.size(), recounted.size());
  for (size_t i = 0; i < common; ++i) {
    if (streamed[i] == recounted[i]) continue;
    std::ostringstream text;
    text << "streamed:  " << streamed[i] << "\nrecounted: " << recounted[i];
    return text.str();
  }
  if (streamed.size() == recounted.size()) return {};
  return "streamed " + std::to_string(streamed.size()) + " waits, recounted " + std::to_string(recounted.size());
}

// What a run of many schedules saw: a property that holds since nothing happened is none.
struct Seen {
  size_t waits = 0, with_excess = 0, known = 0;
  DelayBuckets buckets;

  void Add(const std::vector<Answer>& answers) {
    for (const Answer& answer : answers) {
      ++waits;
      EXPECT_EQ(answer.buckets.Total(), answer.in_ns - answer.start_ns) << answer;
      buckets.Add(answer.buckets);
      with_excess += answer.excess_ns > 0 ? 1 : 0;
      known += answer.affinity_known ? 1 : 0;
    }
  }
  void ExpectAll() const {
    EXPECT_GT(with_excess, waits / 50);
    EXPECT_GT(waits - with_excess, waits / 50);
    EXPECT_GT(known, waits / 10);
    EXPECT_GT(waits - known, waits / 10);
    for (size_t i = 0; i < kBucketCount; ++i) {
      EXPECT_GT(buckets.ns[i], buckets.Total() / 1000) << Name(static_cast<Bucket>(i));
    }
  }
};

constexpr uint64_t kTolerancesNs[] = {0, 100'000, 1'000};

std::optional<std::string> DifferenceIn(const TraceInput& input, const std::vector<Event>& events,
                                        uint64_t tolerance_ns) {
  return Difference(Streamed(input, events, tolerance_ns), Recounted(input, events, tolerance_ns));
}

// As few of the events as still differ, so that a person can follow them.
std::vector<Event> Shortened(const TraceInput& input, std::vector<Event> events, uint64_t tolerance_ns) {
  for (size_t chunk = events.size() / 2; chunk > 0; chunk /= 2) {
    for (size_t at = 0; at + chunk <= events.size();) {
      std::vector<Event> fewer = events;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(at), fewer.begin() + static_cast<ptrdiff_t>(at + chunk));
      if (DifferenceIn(input, fewer, tolerance_ns)) {
        events = std::move(fewer);
      } else {
        at += chunk;
      }
    }
  }
  return events;
}

std::string Explain(const ScriptInput& input, const std::vector<Event>& all, uint64_t tolerance_ns) {
  const std::vector<Event> events = Shortened(input, all, tolerance_ns);
  std::string text = "after removing what does not matter:\n" + DifferenceIn(input, events, tolerance_ns).value_or("");
  std::string lines;
  for (const Event& event : events) lines += '\n' + TextOf(event);
  for (const ThreadInfo& info : input.metadata().threads.all()) {
    if (lines.find(' ' + std::to_string(info.pid) + ' ') == std::string::npos) continue;
    text += "\nthread " + std::to_string(info.pid) + ' ' + info.comm + " from " + std::to_string(info.first_seen_ns) +
            " affinity '" + info.affinity + '\'';
  }
  return text + lines;
}

// False after a difference.
bool Compare(uint32_t seed, const RandomScheduleSize& size, Seen* seen) {
  const RandomSchedule schedule(seed, size);
  const uint64_t tolerance_ns = kTolerancesNs[seed % std::size(kTolerancesNs)];
  const std::vector<Answer> recounted = Recounted(schedule.input(), schedule.events(), tolerance_ns);
  seen->Add(recounted);
  const auto difference = Difference(Streamed(schedule.input(), schedule.events(), tolerance_ns), recounted);
  if (!difference && seed % 8 == 0) {
    const size_t middle = schedule.events().size() / 2;
    const auto saved = Difference(Streamed(schedule.input(), schedule.events(), tolerance_ns, middle), recounted);
    EXPECT_FALSE(saved) << "saved and restored in the middle, seed " << seed << '\n' << saved.value_or("");
    return !saved;
  }
  if (!difference) return true;
  ADD_FAILURE() << "seed " << seed << ", tolerance " << tolerance_ns << " ns\n"
                << *difference << '\n'
                << Explain(schedule.input(), schedule.events(), tolerance_ns);
  return false;
}

void CompareMany(uint32_t first_seed, uint32_t count, RandomScheduleSize (*size)(uint32_t seed)) {
  Seen seen;
  int differences = 0;
  for (uint32_t seed = first_seed; seed < first_seed + count && differences < 3; ++seed) {
    if (!Compare(seed, size(seed), &seen)) ++differences;
  }
  if (differences == 0) seen.ExpectAll();
}

// Others may be tried: each seed is one schedule, here and everywhere.
uint32_t SeedsFrom() {
  const char* const named = std::getenv("WAKEWATCH_SEEDS_FROM");
  return named != nullptr ? static_cast<uint32_t>(std::strtoul(named, nullptr, 10)) : 0;
}

class RandomSchedules : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomSchedules, SmallOnes) {
  constexpr uint32_t kCount = 10'000;
  CompareMany(SeedsFrom() + GetParam() * kCount, kCount, [](uint32_t seed) {
    return RandomScheduleSize{.events = 20 + seed % 101, .cpus_max = seed % 10 == 0 ? 12u : seed % 3 == 0 ? 2u : 6u};
  });
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomSchedules, testing::Range(0u, 25u));

TEST(LargeRandomSchedules, AreTheSame) {
  CompareMany(SeedsFrom() + 2'000'000, 100, [](uint32_t seed) {
    return RandomScheduleSize{.events = 3'000, .cpus_max = seed % 2 == 0 ? 12u : 4u, .tasks_max = 40};
  });
}

TEST(RandomSchedulesThemselves, AreLegal) {
  int whole = 0;
  for (uint32_t seed = 0; seed < 5'000; ++seed) {
    const RandomSchedule schedule(seed, {.events = 120});
    if (!schedule.whole()) continue;
    ++whole;
    SchedModel model(schedule.input());
    for (const Event& event : schedule.events()) model.Apply(event);
    for (const uint64_t count : model.anomalies().all()) EXPECT_EQ(count, 0u) << "seed " << seed;
  }
  EXPECT_GT(whole, 100);
}

// A recording whose inventory also knows where every second task may run: where it was ever seen.
// The events are decoded already; of the formats the model reads prev_state's bits, which are those of every recording.
class InventoriedInput : public TraceInput {
 public:
  InventoriedInput(const TraceInput& recorded, const std::vector<Event>& events) {
    metadata_ = recorded.metadata();
    symbols_ = recorded.symbols();
    std::map<int32_t, std::set<uint32_t>> seen;
    for (const Event& event : events) {
      if (event.type != EventType::kSchedSwitch) continue;
      seen[event.sw.prev_pid].insert(event.cpu);
      seen[event.sw.next_pid].insert(event.cpu);
    }
    for (const auto& [pid, cpus] : seen) {
      if (pid % 2 != 0) continue;
      ThreadInfo info;
      if (const ThreadInfo* const latest = metadata_.threads.Latest(pid)) info = *latest;
      info.pid = pid;
      info.first_seen_ns = 0;
      info.affinity.clear();
      for (const uint32_t cpu : cpus) info.affinity += (info.affinity.empty() ? "" : ",") + std::to_string(cpu);
      metadata_.threads.Add(std::move(info));
    }
  }
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    return std::vector<std::unique_ptr<CpuReader>>();
  }
};

// Returns how many waits were compared.
size_t CompareEvents(const TraceInput& input, const std::vector<Event>& events) {
  constexpr uint64_t kToleranceNs = 100'000;
  const std::vector<Answer> recounted = Recounted(input, events, kToleranceNs);
  Seen().Add(recounted);
  const auto difference = Difference(Streamed(input, events, kToleranceNs), recounted);
  EXPECT_FALSE(difference) << difference.value_or("");
  return recounted.size();
}

size_t CompareRecording(const fs::path& file) {
  SCOPED_TRACE(file);
  const auto recorded = engine_test::Recorded::Read(file.string());
  if (recorded.input == nullptr) return 0;
  const InventoriedInput inventoried(*recorded.input, recorded.events);
  return std::min(CompareEvents(*recorded.input, recorded.events), CompareEvents(inventoried, recorded.events));
}

TEST(RecordedSchedules, OfThisTree) {
  const file_test::TempFolder work;
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces")) {
    fs::path file = entry.path();
    if (file.extension() == ".zst") {
      constexpr uint64_t kBytesMax = 1u << 30;
      const std::string packed = file_test::ReadWhole(file);
      const auto unpacked = UnpackZstd({reinterpret_cast<const uint8_t*>(packed.data()), packed.size()}, kBytesMax);
      ASSERT_TRUE(unpacked) << file;
      file = work.Write(file.stem(), *unpacked);
    }
    EXPECT_GT(CompareRecording(file), 0u) << file;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(RecordedSchedules, OfTheLab) {
  const std::vector<fs::path> traces = recordings_test::TracesBelow(recordings_test::Lab() / "traces");
  if (traces.empty()) GTEST_SKIP() << "no lab at " << recordings_test::Lab() << "; set WAKEWATCH_LAB";
  const file_test::TempFolder scratch;
  for (const fs::path& trace : traces) {
    EXPECT_GT(CompareRecording(recordings_test::Unpacked(trace, scratch)), 0u) << trace;
  }
}

}  // namespace
}  // namespace wakewatch
