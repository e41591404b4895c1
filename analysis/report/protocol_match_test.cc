#include "analysis/report/protocol_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/model/model_test_support.h"
#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int32_t kWorker = 210, kWaker = 211, kStopper = 300, kStranger = 400;
constexpr uint64_t kDone = 0x5000;

constexpr char kStopText[] = R"(
protocol stop "a worker that looks before it sets its state";
explains kthread-stop;
kthread worker {
    while (!kthread_should_stop()) {
        set_current_state(TASK_INTERRUPTIBLE);
        schedule() until (kthread_should_stop());
    }
}
task stopper { kthread_stop(worker); }
)";
constexpr char kAckedText[] = R"(
protocol acked "a worker that tells when it has done its work";
explains check-before-sleep;
flag cond;
completion done;
kthread worker {
    loop {
        if (!cond) {
            set_current_state(TASK_INTERRUPTIBLE);
            schedule() until (cond);
        }
        if (cond) {
            cond = 0;
            complete(done);
        }
    }
}
task waker { cond = 1; wake_up_process(worker); }
)";

protocol::Program ProgramOf(const char* text) {
  const auto parsed = protocol::Parse(text, "test");
  EXPECT_TRUE(parsed) << parsed.error().Text();
  auto program = protocol::Compile(*parsed, "test", protocol::Memory::kSc);
  EXPECT_TRUE(program) << program.error().Text();
  return *std::move(program);
}

// A script's events as an input that can be read again.
class ScriptedTrace : public ScriptInput {
 public:
  explicit ScriptedTrace(std::vector<Event> events) : events_(std::move(events)) {
    for (const int32_t pid : {kWorker, kWaker}) AddThread(pid, pid == kWorker ? "rx_drain" : "rx_feed", kPfKthreadFlag);
  }
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    std::vector<std::unique_ptr<CpuReader>> readers;
    for (uint32_t cpu = 0; cpu < 2; ++cpu) readers.push_back(std::make_unique<Reader>(events_, cpu));
    return readers;
  }

 private:
  class Reader : public CpuReader {
   public:
    Reader(const std::vector<Event>& events, uint32_t cpu) : cpu_(cpu) {
      for (const Event& event : events) {
        if (event.cpu == cpu) mine_.push_back(event);
      }
    }
    Result<bool> Fill(EventBlock* block, size_t) override {
      block->Clear();
      block->events = std::exchange(mine_, {});
      return !block->events.empty();
    }
    uint32_t cpu() const override { return cpu_; }
    const AnomalyCounts& anomalies() const override { return anomalies_; }

   private:
    std::vector<Event> mine_;
    const uint32_t cpu_;
    AnomalyCounts anomalies_{};
  };
  std::vector<Event> events_;
};

// The worker is on CPU 0, the others on CPU 1.
class Story {
 public:
  Story() { script_.On(1).Switch(Now(), 0, kRunnable, kWaker); }
  Story& In() {
    return On(0, [&] { script_.Switch(Now(), 0, kRunnable, kWorker); });
  }
  Story& Out(uint32_t state = kSleepS) {
    return On(0, [&] { script_.Switch(Now(), kWorker, state, 0); });
  }
  Story& Waking(int32_t by) {
    return On(1, [&] { script_.Waking(Now(), by, kWorker, 0).Wakeup(Now(), by, kWorker, 0); });
  }
  Story& Stop() {
    return On(1, [&] { script_.About(Now(), EventType::kSchedKthreadStop, kStopper, kWorker); });
  }
  Story& Ttwu(uint32_t state, int32_t by = kWaker) {
    return On(1, [&] { script_.Probe(Now(), EventType::kProbeTtwu, by, {.pid = kWorker, .state = state, .mode = 3}); });
  }
  Story& Complete() {
    return On(
        0, [&] { script_.Probe(Now(), EventType::kProbeComplete, kWorker, {.object = kDone, .value = completed_++}); });
  }
  Story& Gap() {
    return On(1, [&] {
      const uint64_t from = Now();
      script_.Gap(from, Now());
      script_.Switch(Now(), 0, kRunnable, kWaker);
    });
  }
  std::vector<Event> events() const { return script_.events(); }

 private:
  uint64_t Now() { return now_ns_ += 1000; }
  template <typename Do>
  Story& On(uint16_t cpu, Do&& act) {
    script_.On(cpu);
    act();
    return *this;
  }
  Script script_;
  uint64_t now_ns_ = 1'000'000;
  uint32_t completed_ = 0;
};

ProtocolMatch MatchOf(const Story& story, const char* text, const ProtocolMatchOptions& options) {
  const ScriptedTrace trace(story.events());
  const protocol::Program program = ProgramOf(text);
  auto match = MatchProtocol(trace, program, options);
  EXPECT_TRUE(match) << match.error().Text();
  return match ? *std::move(match) : ProtocolMatch();
}

SleepVerdict LastOf(const ProtocolMatch& match) {
  return match.sleeps.empty() ? SleepVerdict::kUnknown : match.sleeps.back().verdict;
}

TEST(ProtocolMatch, AStopInTheWorkersWindowIsALossByTheTracepointsAlone) {
  struct Row {
    const char* story;
    Story events;
    SleepVerdict verdict;
  };
  const Row rows[] = {
      {"stopped while it ran, then asleep", Story().In().Stop().Out(), SleepVerdict::kLosing},
      {"a stranger's wake ends it later", Story().In().Stop().Out().Waking(kStranger).In(), SleepVerdict::kLosing},
      {"it waits in D: the same", Story().In().Stop().Out(kSleepD), SleepVerdict::kLosing},
      {"stopped in its sleep, and woken", Story().In().Out().Stop().Waking(kStopper).In(), SleepVerdict::kHealthy},
      {"stopped while it ran, and woken on its way to sleep", Story().In().Stop().Out().Waking(kStopper).In(),
       SleepVerdict::kHealthy},
      {"events were lost meanwhile", Story().In().Stop().Gap().Out().Waking(kStranger).In(), SleepVerdict::kUnknown},
      {"a stranger woke it while it ran", Story().In().Stop().Waking(kStranger).Out(), SleepVerdict::kUnknown},
  };
  for (const Row& row : rows) {
    for (const uint8_t level : {0, 1}) {
      const ProtocolMatch match = MatchOf(row.events, kStopText, {.explains = {"kthread-stop"}, .level = level});
      ASSERT_EQ(match.sleeps.size(), 1u) << row.story;
      EXPECT_EQ(Name(LastOf(match)), Name(row.verdict)) << row.story;
      EXPECT_EQ(match.sleeps[0].why.empty(), row.verdict != SleepVerdict::kUnknown) << row.story;
      EXPECT_EQ(match.threads[0].pid, kWorker) << "who was stopped: " << row.story;
    }
  }
}

// A round in front, so that the recording is seen to have all probes.
Story Acked() { return Story().In().Out().Ttwu(1).Waking(kWaker).In().Complete().Out().Ttwu(1).Waking(kWaker).In(); }

TEST(ProtocolMatch, AWakeThatCameToNothingIsALossWhereTheWorkerActsVisibly) {
  struct Row {
    const char* story;
    Story events;
    size_t sleep;  // that is looked at
    SleepVerdict with_probes, without;
  };
  const Row rows[] = {
      {"tried in its window, and nothing done", Story().In().Ttwu(0).Out().Waking(kStranger).In().Complete().Out(), 0,
       SleepVerdict::kLosing, SleepVerdict::kBoth},
      {"the work done after it", Acked().Ttwu(0).Complete().Out(), 2, SleepVerdict::kHealthy, SleepVerdict::kBoth},
      {"the work done before it: that of the wake in front, or of this one", Acked().Complete().Ttwu(0).Out(), 2,
       SleepVerdict::kBoth, SleepVerdict::kBoth},
      {"not tried", Acked().Complete().Out(), 2, SleepVerdict::kHealthy, SleepVerdict::kBoth},
  };
  for (const Row& row : rows) {
    ProtocolMatchOptions options;
    options.roles = {{"worker", "rx_drain"}, {"waker", "211"}};
    for (const uint8_t level : {0, 1}) {
      options.level = level;
      const ProtocolMatch match = MatchOf(row.events, kAckedText, options);
      ASSERT_GT(match.sleeps.size(), row.sleep) << row.story;
      EXPECT_EQ(Name(match.sleeps[row.sleep].verdict), Name(level == 0 ? row.without : row.with_probes))
          << row.story << " at E" << int{level};
    }
  }
}

TEST(ProtocolMatch, RolesAreChosenOrFoundOrGuessed) {
  const Story story = Acked().Ttwu(0).Out();
  Finding finding;
  finding.check = "lost-wakeup";
  finding.cls = "check-before-sleep";
  finding.pid = kWorker;
  struct Row {
    const char* name;
    ProtocolMatchOptions options;
    bool guessed;
    const char* waker;
  };
  const std::vector<Finding> findings = {finding};
  const Row rows[] = {
      {"chosen", {.roles = {{"worker", "210"}, {"waker", "rx_f*"}}}, false, "rx_feed (pid 211)"},
      {"found", {.explains = {"check-before-sleep"}, .findings = findings}, false, "rx_feed (pid 211)"},
      {"a finding of another class", {.explains = {"wrong-mask"}, .findings = findings}, true, "rx_feed (pid 211)"},
  };
  for (const Row& row : rows) {
    const ProtocolMatch match = MatchOf(story, kAckedText, row.options);
    EXPECT_EQ(match.guessed, row.guessed) << row.name;
    ASSERT_EQ(match.threads.size(), 1u) << row.name;
    EXPECT_EQ(match.threads[0].pid, kWorker) << row.name;
    EXPECT_EQ(match.threads[0].roles[1].second, row.waker) << row.name;
    EXPECT_THAT(match.threads[0].objects, ElementsAre(std::pair<std::string, uint64_t>("done", kDone))) << row.name;
    EXPECT_EQ(match.Counts()[static_cast<size_t>(SleepVerdict::kLosing)] > 0 && row.guessed, false) << row.name;
  }
}

TEST(ProtocolMatch, WhoseRoleItIsHasToBeKnown) {
  const ScriptedTrace trace(Story().In().Out().events());
  const protocol::Program program = ProgramOf(kStopText);
  const auto no_role = MatchProtocol(trace, program, {.roles = {{"nobody", "1"}}});
  ASSERT_FALSE(no_role);
  EXPECT_EQ(no_role.error().code, ErrorCode::kInvalidArgument);
  const auto no_thread = MatchProtocol(trace, program, {.roles = {{"worker", "no_such_name"}}});
  ASSERT_FALSE(no_thread);
  EXPECT_EQ(no_thread.error().code, ErrorCode::kNotFound);
  const auto too_large = MatchProtocol(trace, program, {.graph = {.states_max = 3}});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, ErrorCode::kTooLarge);
}

TEST(ProtocolMatch, TextAndJsonSayWhatWasComparedAndHowManySleeps) {
  Finding finding;
  finding.check = "lost-wakeup";
  finding.cls = "kthread-stop";
  finding.pid = kWorker;
  finding.id = "00000000000000ab";
  const Story story = Story().In().Stop().Out();
  finding.start_ns = story.events().back().ts_ns;
  const std::vector<Finding> findings = {finding};
  const ProtocolMatch match = MatchOf(story, kStopText, {.explains = {"kthread-stop"}, .findings = findings});
  const std::string text = ProtocolMatchText(match);
  EXPECT_THAT(text, HasSubstr("stop against script (sc, events up to E1)\n"));
  EXPECT_THAT(text, HasSubstr("rx_drain (pid 210) as worker: 1 sleep\n"));
  EXPECT_THAT(text, HasSubstr("1 look like a losing run, and like no healthy one\n"));
  EXPECT_THAT(text, HasSubstr("losing   00000000000000ab"));
  EXPECT_THAT(text, Not(HasSubstr("guess")));
  const auto json = nlohmann::json::parse(ProtocolMatchJson(match));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["counts"]["losing"], 1);
  EXPECT_EQ(json["counts"]["healthy"], 0);
  EXPECT_EQ(json["sleeps"][0]["finding"], "00000000000000ab");
  EXPECT_EQ(json["sleeps"][0]["open"], true);
  EXPECT_EQ(json["threads"][0]["roles"][1]["role"], "stopper");
  EXPECT_EQ(json["victim"], "worker");
}

}  // namespace
}  // namespace wakewatch
