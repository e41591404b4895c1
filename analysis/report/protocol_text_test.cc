#include "analysis/report/protocol_text.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/protocol_diagram.h"
#include "analysis/report/protocol_json.h"
#include "analysis/report/protocol_sample_test.h"

namespace wakewatch {
namespace {

using protocol::CheckResult;
using protocol::Memory;
using protocol::Property;
using protocol::StepRecord;
using protocol::Verdict;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

size_t WidestOf(const std::string& text) {
  size_t widest = 0;
  for (const std::string& line : LinesOf(text)) widest = std::max(widest, PrintableWidth(line));
  return widest;
}

// The column where `what` begins, in the line that holds it.
size_t ColumnOf(const std::string& text, const std::string& what) {
  for (const std::string& line : LinesOf(text)) {
    if (const size_t at = line.find(what); at != std::string::npos) return at;
  }
  ADD_FAILURE() << what << " is not in\n" << text;
  return 0;
}

TEST(ProtocolText, TheVerdictLineSaysWhatIsBroken) {
  struct Row {
    const char* story;
    Verdict verdict;
    Property property;
    Memory memory;
    const char* unfinished;
    const char* line;
  };
  const Row rows[] = {
      {"a loss", Verdict::kLoses, Property::kLostWakeup, Memory::kSc, "", "p loses a wakeup (sc, 113 states)"},
      {"a deadlock", Verdict::kLoses, Property::kDeadlock, Memory::kTso, "",
       "p can get stuck for ever (tso, 113 states)"},
      {"an assertion", Verdict::kLoses, Property::kAssertion, Memory::kSc, "",
       "p can break an assertion (sc, 113 states)"},
      {"nothing", Verdict::kSafe, Property::kNone, Memory::kTso, "", "p is safe (tso, 113 states)"},
      {"cut short", Verdict::kUnfinished, Property::kNone, Memory::kSc, "cancelled",
       "p is not decided (sc, 113 states): cancelled"},
  };
  for (const Row& row : rows) {
    CheckResult result;
    result.protocol = "p";
    result.states = 113;
    result.verdict = row.verdict;
    result.property = row.property;
    result.memory = row.memory;
    result.unfinished = row.unfinished;
    EXPECT_EQ(ProtocolVerdictLine(result), row.line) << row.story;
  }
}

TEST(ProtocolText, ALossIsToldAsAnInterleaving) {
  const std::string text = ProtocolText(SampleLoss());
  const std::vector<std::string> lines = LinesOf(text);
  EXPECT_EQ(lines[0], "kthread_check_before_set loses a wakeup (sc, 1,113 states)");
  EXPECT_EQ(lines[3], "  worker sleeps for ever in schedule() at line 8 while what it sleeps for holds: cond");
  const size_t worker = ColumnOf(text, "CPU 0: worker"), waker = ColumnOf(text, "CPU 1: waker");
  const size_t seen = ColumnOf(text, "a recording sees");
  EXPECT_LT(worker, waker);
  EXPECT_LT(waker, seen);
  EXPECT_EQ(ColumnOf(text, "6: if (!cond)"), worker);
  EXPECT_EQ(ColumnOf(text, "13: cond = 1"), waker);
  EXPECT_EQ(ColumnOf(text, "in try_to_wake_up"), waker);
  EXPECT_EQ(ColumnOf(text, "silent"), seen);
  EXPECT_EQ(ColumnOf(text, "E0 silent"), seen);
  EXPECT_EQ(ColumnOf(text, "E1 ttwu("), seen);
  EXPECT_EQ(ColumnOf(text, "E0 sched_switch("), seen);
  EXPECT_THAT(text, HasSubstr("-> not asleep: nothing to wake, and no event\n"));
  EXPECT_THAT(text, Not(HasSubstr("in set_current_state"))) << "the statement names it";
  EXPECT_THAT(text, HasSubstr("ASSUMED\n  - one waker, one wake\n"));
}

TEST(ProtocolText, TheEventSignatureIsWhatARecordingHolds) {
  const CheckResult result = SampleLoss();
  EXPECT_THAT(SignatureOf(result, 0), ElementsAre("worker: sched_switch(worker, TASK_INTERRUPTIBLE)"));
  const std::vector<std::string> with_probes = SignatureOf(result, 1);
  ASSERT_EQ(with_probes.size(), 2u);
  EXPECT_THAT(with_probes[0], HasSubstr("waker: ttwu("));
  const std::string text = ProtocolText(result);
  EXPECT_THAT(text, HasSubstr("ALL THAT A RECORDING HOLDS OF IT\n  E0  worker: sched_switch("));
  EXPECT_THAT(text, HasSubstr(", then worker: sched_switch("));
  EXPECT_EQ(nlohmann::json::parse(ProtocolJson(result, 0))["signature"]["E1"].size(), 2u);
}

TEST(ProtocolText, SafeHasNoRun) {
  CheckResult result = SampleLoss();
  result.verdict = Verdict::kSafe;
  result.loss.clear();
  result.counterexample.clear();
  EXPECT_THAT(ProtocolText(result), Not(HasSubstr("RUN")));
}

TEST(ProtocolText, NothingIsWiderThanATerminal) {
  for (size_t tasks = 1; tasks <= 6; ++tasks) {
    CheckResult result = SampleLoss();
    result.loss = std::string(300, 'x') + " and more";
    result.assumptions = {std::string(250, 'y')};
    result.tasks.clear();
    result.counterexample.clear();
    for (size_t task = 0; task < tasks; ++task) {
      result.tasks.push_back("a_task_with_a_long_name_" + std::to_string(task));
      StepRecord step = SampleStep(task, 1000, "wait_event_interruptible(some_queue, some_condition(of, this) || cond)",
                                   "prepare_to_wait_event", {"reads a_long_name.waiters[1]: TASK_UNINTERRUPTIBLE"});
      step.note = std::string(60, 'n') + ' ' + std::string(90, 'm');
      step.events.push_back({"prepare_to_wait", {"a_queue_with_a_name", "TASK_UNINTERRUPTIBLE", "entries"}, 1});
      for (int times = 0; times < 40; ++times) result.counterexample.push_back(step);
    }
    const std::string text = ProtocolText(result);
    EXPECT_LE(WidestOf(text), kDiagramColumns) << tasks << " tasks\n" << text;
    if (tasks <= kDiagramTasksMax) {
      EXPECT_THAT(text, Not(HasSubstr("  task  "))) << tasks;
    } else {
      EXPECT_EQ(ColumnOf(text, "CPU 0: "), ColumnOf(text, "CPU 1: ")) << "one column for all of them";
    }
  }
}

TEST(ProtocolText, TasksThatTakeNoStepHaveNoColumn) {
  CheckResult result = SampleLoss();
  result.tasks = {"worker", "waker", "bystander"};
  EXPECT_THAT(ProtocolText(result), Not(HasSubstr("bystander")));
}

TEST(ProtocolText, WhatATerminalWouldActOnIsEscaped) {
  CheckResult result = SampleLoss();
  result.title = "\x1b[31mred";
  result.counterexample[0].statement = "\x1b[2J";
  result.counterexample[0].note = "\x1b[0m";
  EXPECT_EQ(ProtocolText(result).find('\x1b'), std::string::npos);
}

TEST(ProtocolText, LinesBreakWhereTheyMay) {
  struct Row {
    const char* story;
    const char* text;
    size_t width;
    std::vector<std::string> lines;
  };
  const Row rows[] = {
      {"it fits", "abc", 3, {"abc"}},
      {"nothing", "", 3, {""}},
      {"in front of a space", "ab cd ef", 5, {"ab cd", "ef"}},
      {"a long call: behind its bracket", "wake_up(worker)", 9, {"wake_up(", "worker)"}},
      {"nowhere", "abcdef", 4, {"abcd", "ef"}},
      {"characters, not bytes", "\xc3\xa4\xc3\xa4\xc3\xa4", 2, {"\xc3\xa4\xc3\xa4", "\xc3\xa4"}},
  };
  for (const Row& row : rows) EXPECT_EQ(WrappedLines(row.text, row.width), row.lines) << row.story;
}

TEST(ProtocolJson, HoldsTheContract) {
  CheckResult result = SampleLoss();
  StepRecord flush = SampleStep(1, 0, "", "", {"cond = 1"});
  flush.flush = true;
  result.counterexample.push_back(flush);
  const auto json = nlohmann::json::parse(ProtocolJson(result, 0.25));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["model_version"], protocol::kCheckerVersion);
  EXPECT_EQ(json["protocol"], "kthread_check_before_set");
  EXPECT_EQ(json["memory"], "sc");
  EXPECT_EQ(json["verdict"], "loses");
  EXPECT_EQ(json["property"], "lost-wakeup");
  EXPECT_EQ(json["states"], 1113);
  EXPECT_EQ(json["seconds"], 0.25);
  ASSERT_EQ(json["counterexample"].size(), 6u);
  const auto& wake = json["counterexample"][2];
  EXPECT_EQ(wake["task"], "waker");
  EXPECT_EQ(wake["cpu"], 1);
  EXPECT_EQ(wake["step"], "wake_up_process(worker)");
  EXPECT_EQ(wake["kernel_function"], "try_to_wake_up");
  EXPECT_EQ(wake["line"], 14);
  EXPECT_TRUE(wake["events"]["E0"].empty());
  ASSERT_EQ(wake["events"]["E1"].size(), 1u);
  EXPECT_FALSE(wake["silent"]);
  EXPECT_TRUE(json["counterexample"][0]["silent"]);
  const auto& sleep = json["counterexample"][4];
  EXPECT_EQ(sleep["events"]["E0"].size(), 1u);
  EXPECT_EQ(sleep["events"]["E1"], sleep["events"]["E0"]) << "E1 shows what E0 shows";
  EXPECT_EQ(json["counterexample"][5]["step"], "a store of waker reaches memory");
  EXPECT_TRUE(json["counterexample"][5]["flush"]);
}

TEST(ProtocolList, SaysWhereAVerdictIsNotAsExpected) {
  ProtocolListRow as_expected{.name = "kthread_loop",
                              .title = "a loop",
                              .expected = Verdict::kSafe,
                              .verdict = Verdict::kSafe,
                              .states = 922,
                              .seconds = 0.001};
  ProtocolListRow other{
      .name = "other", .memory = Memory::kTso, .expected = Verdict::kSafe, .verdict = Verdict::kLoses, .states = 4};
  ProtocolListRow broken{.name = "broken", .expected = Verdict::kSafe, .error = "line 3, column 7: expected ';'"};
  ProtocolListRow unchecked{.name = "unchecked", .explains = {"kthread-stop"}, .expected = Verdict::kLoses};
  const std::vector<ProtocolListRow> rows = {as_expected, other, broken, unchecked};
  const std::string text = ProtocolListText(rows);
  const std::vector<std::string> lines = LinesOf(text);
  EXPECT_EQ(lines[0], "PROTOCOLS: 4");
  EXPECT_THAT(lines[2], Not(HasSubstr("not as expected")));
  EXPECT_THAT(lines[3], HasSubstr("not as expected"));
  EXPECT_THAT(lines[4], HasSubstr("not as expected"));
  EXPECT_THAT(lines[5], Not(HasSubstr("not as expected")));
  EXPECT_THAT(text, HasSubstr("broken: line 3, column 7: expected ';'"));
  const auto json = nlohmann::json::parse(ProtocolListJson(rows))["protocols"];
  EXPECT_EQ(json[0]["as_expected"], true);
  EXPECT_EQ(json[1]["as_expected"], false);
  EXPECT_EQ(json[1]["memory"], "tso");
  EXPECT_EQ(json[2]["as_expected"], false);
  EXPECT_TRUE(json[2]["states"].is_null());
  EXPECT_TRUE(json[3]["as_expected"].is_null());
  EXPECT_EQ(json[3]["explains"][0], "kthread-stop");
}

}  // namespace
}  // namespace wakewatch
