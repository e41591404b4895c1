#include "analysis/model/task_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/model/model_test_support.h"
#include "analysis/model/sched_model.h"

namespace wakewatch {
namespace {

constexpr uint64_t kLong = kDeadNamedNs + 1;

// What the model says of `pid` after each event.
std::string Kinds(const ScriptInput& input, const Script& script, int32_t pid) {
  SchedModel model(input);
  std::string told;
  for (const Event& event : script.events()) {
    model.Apply(event);
    const Task* const task = model.TaskOf(pid);
    told += task == nullptr ? "- " : std::string(Info(task->kind).name) + " ";
  }
  return told;
}

TEST(TaskTable, WhatProcSaidHoldsFromItsTimeOn) {
  struct Row {
    const char* name;
    uint64_t since_ns;
    Script script;
    const char* kinds;
  };
  const Row rows[] = {
      {"known from the start", 0, Script().Switch(10, 7, kSleepS, 0), "ksm "},
      {"seen first, described later", 20,
       Script().Switch(10, 7, kSleepS, 0).Switch(19, 0, 0, 7).Switch(20, 7, kSleepS, 0), "user user ksm "},
      {"described by an event that is not about it", 20, Script().Switch(10, 7, kSleepS, 0).Switch(25, 8, kSleepS, 0),
       "user ksm "},
      {"described, then seen", 20, Script().Switch(25, 8, kSleepS, 0).Switch(30, 7, kSleepS, 0), "- ksm "},
      {"by a gap's time too", 20, Script().Switch(10, 7, kSleepS, 0).Gap(30, 40), "user ksm "},
      {"said of the pid's former owner", 20, Script().Switch(25, 7, kSleepS, 0).Fork(30, 3, 7), "ksm user "},
      {"said of its new owner at once", 30, Script().Switch(25, 7, kSleepS, 0).Fork(30, 3, 7), "user ksm "},
      {"said of the dead", 20,
       Script().Switch(10, 7, kZombie, 0).Switch(30, 8, kSleepS, 0).Switch(10 + kLong, 8, kSleepS, 0), "user user - "},
  };
  for (const Row& row : rows) {
    ScriptInput input;
    input.AddThread(7, "ksmd", kPfKthreadFlag, row.since_ns);
    EXPECT_EQ(Kinds(input, row.script, 7), row.kinds) << row.name;
  }
}

TEST(TaskTable, ALiveRunThatLearnsLaterSaysTheSame) {
  Script script;
  script.On(1).Switch(10, 7, kSleepS, 0).Switch(30, 8, kSleepS, 0).Switch(50, 7, kSleepS, 0).Switch(60, 9, kSleepS, 0);
  ScriptInput all;
  all.AddThread(7, "ksmd", kPfKthreadFlag, 30);
  all.AddThread(7, "kswapd0", kPfKthreadFlag, 50);
  all.AddThread(7, "kcompactd0", kPfKthreadFlag, 55);
  EXPECT_EQ(Kinds(all, script, 7), "user ksm kswapd kcompactd ");

  ScriptInput input;
  SchedModel model(input);
  std::string told;
  for (const Event& event : script.events()) {
    if (event.ts_ns == 10) {
      input.AddThread(7, "kswapd0", kPfKthreadFlag, 50);
      input.AddThread(7, "ksmd", kPfKthreadFlag, 30);
    }
    if (event.ts_ns == 30) input.meta().threads.Drop();
    if (event.ts_ns == 60) input.AddThread(7, "kcompactd0", kPfKthreadFlag, 55);
    model.Apply(event);
    told += std::string(Info(model.TaskOf(7)->kind).name) + " ";
  }
  EXPECT_EQ(told, "user ksm kswapd kcompactd ");
}

TEST(TaskTable, AnInfoThatComesLateDoesNotHideANewerOne) {
  ScriptInput input;
  input.AddThread(7, "kswapd0", kPfKthreadFlag, 20);
  SchedModel model(input);
  const Script script = Script().Switch(30, 7, kSleepS, 0).Switch(31, 8, kSleepS, 0);
  model.Apply(script.events()[0]);
  input.AddThread(7, "ksmd", kPfKthreadFlag, 10);
  input.AddThread(8, "kcompactd0", kPfKthreadFlag, 10);
  model.Apply(script.events()[1]);
  EXPECT_EQ(model.TaskOf(7)->kind, ThreadKind::kKswapd);
  EXPECT_EQ(model.TaskOf(8)->kind, ThreadKind::kKcompactd);
}

TEST(TaskTable, TheDeadAreNamedForAWhile) {
  ScriptInput input;
  SchedModel model(input);
  Script script;
  script.Switch(100, 7, kZombie, 0).Switch(100 + kDeadNamedNs, 8, kSleepS, 0);
  script.Switch(100 + kLong, 8, kSleepS, 0).Waking(200 + kLong, 8, 7, 0);
  model.Apply(script.events()[0]);
  const Task* const first = model.TaskOf(7);
  ASSERT_NE(first, nullptr);
  model.Apply(script.events()[1]);
  EXPECT_EQ(model.TaskOf(7), first);
  model.Apply(script.events()[2]);
  EXPECT_EQ(model.TaskOf(7), nullptr);
  model.Apply(script.events()[3]);
  ASSERT_NE(model.TaskOf(7), nullptr) << "its fork was not seen";
  EXPECT_NE(model.TaskOf(7), first);
  EXPECT_EQ(model.TaskOf(7)->first_seen_ns, 200 + kLong);
}

TEST(TaskTable, WhoeverHadAForkedPidIsDead) {
  ScriptInput input;
  SchedModel model(input);
  const Script script = Script().Switch(10, 7, kSleepD, 0).Waking(20, 8, 7, 0).Fork(30, 3, 7);
  for (const Event& event : script.events()) model.Apply(event);
  std::string told;
  model.tasks().ForEach([&](const Task& task) {
    if (task.pid != 7) return;
    told += task.state == TaskState::kDead ? "dead " : "new ";
    told += std::to_string(task.dropped_waits) + " ";
  });
  EXPECT_EQ(told, "dead 1 new 0 ");
}

struct LiveModel {
  ScriptInput input;
  SchedModel model{input};
  std::vector<int32_t> retired;

  explicit LiveModel(const TaskLimits& limits) {
    model.RetireDead(limits, [this](const Task& task) { retired.push_back(task.pid); });
  }
  size_t kept() const {
    size_t count = 0;
    model.tasks().ForEach([&](const Task&) { ++count; });
    return count;
  }
  void Play(const Script& script) {
    for (const Event& event : script.events()) model.Apply(event);
  }
};

TEST(TaskTable, DeadTasksAreRetiredAndTheirPlacesUsedAgain) {
  LiveModel live({});
  uint32_t index_max = 0;
  uint64_t ns = 1;
  for (int32_t pid = 100; pid < 3000; ++pid, ns += kDeadNamedNs / 10) {
    Script script;
    script.Fork(ns, 3, pid).WakeupNew(ns + 1, 3, pid, 0).Switch(ns + 2, 0, 0, pid).Switch(ns + 3, pid, kZombie, 0);
    live.Play(script);
    index_max = std::max(index_max, live.model.TaskOf(pid)->index);
  }
  EXPECT_LE(live.kept(), 13u);
  EXPECT_LE(index_max, 13u);
  ASSERT_GE(live.retired.size(), 2880u);
  for (size_t i = 0; i < live.retired.size(); ++i) ASSERT_EQ(live.retired[i], static_cast<int32_t>(100 + i));
}

TEST(TaskTable, OfDeadKernelThreadsTheOldestGoFirst) {
  LiveModel live({.dead_kthreads_max = 2});
  for (int32_t i = 0; i < 5; ++i) {
    const uint64_t ns = 10 + static_cast<uint64_t>(i) * 10;
    live.Play(Script().Fork(ns, 2, 100 + i).Switch(ns + 1, 100 + i, kZombie, 0));
  }
  EXPECT_EQ(live.retired, std::vector<int32_t>());
  live.Play(Script().Switch(100 + kLong, 3, kSleepS, 0));
  EXPECT_EQ(live.retired, (std::vector<int32_t>{100, 101, 102}));
}

TEST(TaskTable, WhoCameBackFromTheDeadIsNotRetired) {
  LiveModel live({});
  live.Play(Script().Switch(10, 7, kZombie, 0).Switch(20, 0, 0, 7).On(1).Switch(100 + kLong, 8, kSleepS, 0));
  EXPECT_EQ(live.retired, std::vector<int32_t>());
  EXPECT_EQ(live.model.TaskOf(7)->state, TaskState::kRunning);
}

TEST(TaskTable, TooManyTasksGiveUpTheMostSilent) {
  LiveModel live({.tasks_max = 100});
  Script script;
  script.Waking(1, 3, 7, 0);  // waits
  for (int32_t pid = 1000; pid < 1100; ++pid) script.Switch(static_cast<uint64_t>(pid), pid, kSleepS, 0);
  script.Switch(5000, 0, 0, 2000);
  live.Play(script);
  ASSERT_EQ(live.retired.size(), 26u);
  EXPECT_EQ(live.model.tasks().given_up(), 26u);
  for (const int32_t pid : live.retired) EXPECT_LT(pid, 1026);
  EXPECT_NE(live.model.TaskOf(7), nullptr);
}

TEST(TaskTable, AHostileTraceCannotFillMemoryWithWaits) {
  LiveModel live({.tasks_max = 100});
  Script script;
  for (int32_t pid = 1; pid <= 5000; ++pid) script.Waking(static_cast<uint64_t>(pid), 0, pid * 1000, 0);
  live.Play(script);
  EXPECT_LE(live.kept(), 101u);
}

}  // namespace
}  // namespace wakewatch
