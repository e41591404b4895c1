// What is said of lost wakeups must follow from how tasks sleep and are woken, and from nothing else about a recording:
// not from names, numbers or the speed of the machine; and less of a recording must never say more. Recordings are
// changed accordingly, at random places.
// More of it, on all of the lab's recordings: WAKEWATCH_CHANGED_TRIES=10 model_changed_test. Other places:
// WAKEWATCH_CHANGED_SEED=N. The lab is found as in mutation_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/report/engine_test_support.h"
#include "analysis/trace/test_files.h"
#include "tests/model/changed_input.h"
#include "tests/recordings.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using changed_test::Changed;
using changed_test::ChangedInput;
using changed_test::Events;
using changed_test::LostSpan;
using engine_test::Recorded;
using file_test::TempFolder;
using recordings_test::BundledTraces;
using recordings_test::Lab;
using recordings_test::TracesBelow;
using recordings_test::Unpacked;

using Findings = std::vector<Finding>;
constexpr uint64_t kMs = 1'000'000;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}
uint64_t Tries() { return FromEnvironment("WAKEWATCH_CHANGED_TRIES", 0); }

Findings Told(const TraceInput& input, const Events& events) {
  EngineOptions options;
  options.checks = {"lost-wakeup"};
  const auto engine = engine_test::MakeEngine(input, options);
  for (const Event& event : events) engine->Push(event);
  return engine->Finish({}).findings;
}

std::string TextOf(const Finding& finding) {
  std::string text = "\n  " + finding.cls + " " + std::string(Name(finding.confidence)) + " pid " +
                     std::to_string(finding.pid) + " " + finding.comm + " " + std::to_string(finding.start_ns) + ".." +
                     std::to_string(finding.end_ns) + ": " + finding.explanation;
  for (const Evidence& evidence : finding.evidence) {
    text += "\n    " + std::to_string(evidence.ts_ns) + " CPU " + std::to_string(evidence.cpu) + " " + evidence.event;
  }
  return text;
}

// A recording, and what is said of it as it is.
struct Sample {
  std::string name;
  Recorded recorded;
  Findings whole;
  const TraceInput& input() const { return *recorded.input; }
  const Events& events() const { return recorded.events; }
  uint64_t begin_ns() const { return recorded.events.front().ts_ns; }
};

class LostWakeups : public ::testing::Test {
 protected:
  // Calls visit(const Sample&, tries) for each recording.
  template <typename Visit>
  void ForEachSample(Visit&& visit) {
    std::vector<fs::path> traces = BundledTraces();
    ASSERT_FALSE(traces.empty());
    const auto lab = TracesBelow(Lab());
    const bool all = Tries() > 0;
    for (size_t i = 0; i < lab.size(); i += all ? 1 : 5) traces.push_back(lab[i]);
    for (const fs::path& trace : traces) {
      const TempFolder scratch;
      Sample sample{trace.parent_path().filename().string() + "/" + trace.filename().string(),
                    Recorded::Read(Unpacked(trace, scratch).string()),
                    {}};
      constexpr size_t kLong = 50'000;
      if (!all && sample.events().size() > kLong) continue;
      sample.whole = Told(sample.input(), sample.events());
      SCOPED_TRACE(sample.name);
      visit(sample, sample.events().size() > kLong ? Tries() / 10 + 1 : std::max<uint64_t>(Tries(), 1));
      ++samples_;
    }
  }
  // What is told is told of the whole recording, too, with no less confidence there and, but for suspicions, as of the
  // same class; its starts may differ by `apart_ns`.
  void ExpectNothingNew(const Findings& whole, const Findings& told, uint64_t apart_ns, const std::string& changed) {
    ++tried_;
    told_ += told.size();
    for (const Finding& finding : told) {
      const Finding* const known = Same(whole, finding, apart_ns);
      const bool suspicion = finding.confidence == Confidence::kSuspicious;
      EXPECT_TRUE(known != nullptr && (suspicion || known->cls == finding.cls) &&
                  known->confidence >= finding.confidence)
          << changed << TextOf(finding) << (known == nullptr ? "" : "\n  and of the whole:" + TextOf(*known));
    }
  }
  static const Finding* Same(const Findings& findings, const Finding& finding, uint64_t apart_ns) {
    const auto same = std::find_if(findings.begin(), findings.end(), [&](const Finding& other) {
      return other.pid == finding.pid && other.start_ns + apart_ns >= finding.start_ns &&
             other.start_ns <= finding.start_ns + apart_ns;
    });
    return same == findings.end() ? nullptr : &*same;
  }
  void TearDown() override {
    std::fprintf(stderr, "%zu recordings, changed %zu times: %zu findings\n", samples_, tried_, told_);
  }

  std::mt19937 random_{static_cast<uint32_t>(FromEnvironment("WAKEWATCH_CHANGED_SEED", 1))};
  size_t samples_ = 0, tried_ = 0, told_ = 0;
};

TEST_F(LostWakeups, AreTheSameUnderOtherNames) {
  ForEachSample([&](const Sample& sample, uint64_t) {
    const Changed changed = changed_test::Renamed(sample.input(), sample.events());
    const auto line = [](const Finding& finding, int32_t pid, const std::string& comm, int32_t waker_pid) {
      return finding.cls + " " + std::string(Name(finding.confidence)) + " " + std::to_string(pid) + " " + comm + " " +
             std::to_string(finding.start_ns) + ".." + std::to_string(finding.end_ns) + " by " +
             std::to_string(waker_pid);
    };
    std::multiset<std::string> expected, told;
    for (const Finding& finding : sample.whole) {
      expected.insert(line(finding, changed_test::OtherPid(finding.pid),
                           changed_test::OtherName(finding.pid, finding.comm),
                           changed_test::OtherPid(finding.waker_pid)));
    }
    for (const Finding& finding : Told(*changed.input, changed.events)) {
      told.insert(line(finding, finding.pid, finding.comm, finding.waker_pid));
    }
    EXPECT_EQ(expected, told);
    ++tried_;
    told_ += told.size();
  });
}

// Deadlines follow what was learnt, and have a floor: on a faster machine sleeps may end in front of it.
TEST_F(LostWakeups, KeepTheirClassOnFasterAndSlowerMachines) {
  ForEachSample([&](const Sample& sample, uint64_t) {
    for (const double factor : {0.5, 2.0, 5.0}) {
      const std::string what = "times " + std::to_string(factor);
      const Changed changed = changed_test::Scaled(sample.input(), sample.events(), factor);
      Findings expected = sample.whole;
      for (Finding& finding : expected) {
        finding.start_ns = changed_test::ScaledNs(finding.start_ns, sample.begin_ns(), factor);
      }
      const Findings told = Told(*changed.input, changed.events);
      ExpectNothingNew(expected, told, 2, what);
      for (const Finding& finding : expected) {
        const Finding* const scaled = Same(told, finding, 2);
        EXPECT_TRUE(scaled != nullptr || factor < 1) << what << ": gone" << TextOf(finding);
        if (scaled == nullptr) continue;
        EXPECT_EQ(finding.cls, scaled->cls) << what << TextOf(finding) << TextOf(*scaled);
      }
    }
  });
}

TEST_F(LostWakeups, AreNotToldAcrossAGap) {
  constexpr uint64_t kLengths[] = {kMs / 10, kMs, 10 * kMs, 100 * kMs, 1000 * kMs};
  constexpr uint64_t kDeadline = 100 * kMs;  // the least that there is
  ForEachSample([&](const Sample& sample, uint64_t tries) {
    for (uint64_t i = 0; i < 3 * tries; ++i) {
      LostSpan span;
      span.cpu = sample.events()[random_() % sample.events().size()].cpu;
      span.start_ns = sample.events()[random_() % sample.events().size()].ts_ns;
      if (!sample.whole.empty() && i % 2 == 0) {  // in or about a sleep that something is told of
        span.start_ns = sample.whole[random_() % sample.whole.size()].start_ns - 20 * kMs + random_() % (120 * kMs);
      }
      span.end_ns = span.start_ns + kLengths[random_() % std::size(kLengths)];
      const Findings told = Told(sample.input(), changed_test::WithGap(sample.events(), &span));
      const std::string what = "without CPU " + std::to_string(span.cpu) + " from " + std::to_string(span.start_ns) +
                               " to " + std::to_string(span.end_ns);
      ExpectNothingNew(sample.whole, told, 0, what);
      for (const Finding& finding : told) {
        if (finding.cls == "softirq-stuck") continue;  // is wholly seen on its CPU
        const uint64_t until_ns = finding.cls == "undecided" ? finding.end_ns : finding.start_ns + kDeadline;
        EXPECT_FALSE(span.start_ns < until_ns && span.end_ns > finding.start_ns) << what << TextOf(finding);
      }
    }
  });
}

TEST_F(LostWakeups, OfAPartAreThoseOfTheWhole) {
  ForEachSample([&](const Sample& sample, uint64_t tries) {
    const Events& events = sample.events();
    for (uint64_t i = 0; i < 3 * tries; ++i) {
      size_t from = i % 3 == 0 ? 0 : random_() % events.size(),
             to = i % 3 == 1 ? events.size() : random_() % events.size();
      if (from > to) std::swap(from, to);
      const Events part(events.begin() + static_cast<ptrdiff_t>(from), events.begin() + static_cast<ptrdiff_t>(to));
      if (part.empty()) continue;
      ExpectNothingNew(sample.whole, Told(sample.input(), part), 0,
                       "from " + std::to_string(part.front().ts_ns) + " to " + std::to_string(part.back().ts_ns));
    }
  });
}

// As of a ring buffer that was overwritten: each CPU's events begin at another time.
TEST_F(LostWakeups, OfAnOverwrittenBufferAreThoseOfTheWhole) {
  ForEachSample([&](const Sample& sample, uint64_t tries) {
    const uint64_t length_ns = sample.events().back().ts_ns - sample.begin_ns();
    for (uint64_t i = 0; i < tries; ++i) {
      ChangedInput input(sample.input());
      input.meta().stats.clear();
      input.meta().loss_marked = false;
      std::map<uint32_t, uint64_t> from_ns;
      for (const Event& event : sample.events()) {
        if (from_ns.contains(event.cpu)) continue;
        from_ns[event.cpu] = sample.begin_ns() + random_() % 1000 * (length_ns / 2000);
        CpuStats stats;
        stats.cpu = event.cpu;
        stats.overrun = 1;
        input.meta().stats.push_back(stats);
      }
      const Events left =
          changed_test::Without(sample.events(), [&](const Event& e) { return e.ts_ns < from_ns.at(e.cpu); });
      std::string what = "from";
      for (const auto& [cpu, ns] : from_ns) what += " " + std::to_string(ns);
      ExpectNothingNew(sample.whole, Told(input, left), 0, what);
    }
  });
}

TEST_F(LostWakeups, DoNotDependOnTheOrderOfCpus) {
  ForEachSample([&](const Sample& sample, uint64_t tries) {
    for (uint64_t i = 0; i < tries; ++i) {
      ExpectNothingNew(sample.whole, Told(sample.input(), changed_test::Shuffled(sample.events(), &random_)), 0,
                       "equal times shuffled");
      for (const uint64_t skew_ns : {1000, 20'000}) {
        const Events skewed = changed_test::Skewed(sample.events(), skew_ns, &random_);
        ExpectNothingNew(sample.whole, Told(sample.input(), skewed), skew_ns,
                         "clocks apart by " + std::to_string(skew_ns));
      }
    }
  });
}

// One type of event is not recorded at all, not yet, or not any more: probes are placed and taken away one by one.
TEST_F(LostWakeups, AreNotMadeByEventsThatAreNotRecorded) {
  ForEachSample([&](const Sample& sample, uint64_t) {
    std::set<EventType> types;
    for (const Event& event : sample.events()) types.insert(event.type);
    types.erase(EventType::kGap);
    for (const EventType type : types) {
      const uint64_t at_ns = sample.events()[random_() % sample.events().size()].ts_ns;
      const std::array<std::pair<uint64_t, uint64_t>, 3> spans = {{{0, UINT64_MAX}, {0, at_ns}, {at_ns, UINT64_MAX}}};
      for (const auto& [from_ns, to_ns] : spans) {
        const Events left = changed_test::Without(sample.events(), [&](const Event& event) {
          return event.type == type && event.ts_ns >= from_ns && event.ts_ns < to_ns;
        });
        ExpectNothingNew(sample.whole, Told(sample.input(), left), 0,
                         "without " + std::string(kEventTypeInfo[static_cast<size_t>(type)].name) + " from " +
                             std::to_string(from_ns) + " to " + std::to_string(to_ns));
      }
    }
  });
}

TEST_F(LostWakeups, AreNotMadeByManyThatAreNotRecorded) {
  ForEachSample([&](const Sample& sample, uint64_t tries) {
    for (uint64_t i = 0; i < tries; ++i) {
      std::set<EventType> gone;
      std::string what = "without";
      for (size_t type = 0; type < kEventTypeCount; ++type) {
        if (random_() % 3 != 0 || static_cast<EventType>(type) == EventType::kGap) continue;
        gone.insert(static_cast<EventType>(type));
        what += " " + std::string(kEventTypeInfo[type].name);
      }
      const Events left =
          changed_test::Without(sample.events(), [&](const Event& event) { return gone.contains(event.type); });
      ExpectNothingNew(sample.whole, Told(sample.input(), left), 0, what);
    }
  });
}

}  // namespace
}  // namespace wakewatch
