#include "collector/probe_definitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "collector/fake_probe_host_test.h"
#include "collector/file_io.h"

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::map<std::string, std::string> TextsOf(const ProbePlan& plan) {
  std::map<std::string, std::string> texts;
  for (const ProbeDefinition& probe : plan.probes) texts[probe.name] = probe.KprobeText();
  return texts;
}

TEST(PlanProbes, OffsetsAndWidthsAreThoseOfTheKernel) {
  const FakeProbeHost fake;
  const ProbePlan plan = PlanProbes(fake.host());
  EXPECT_EQ(plan.refusal, "");
  EXPECT_THAT(plan.missing, IsEmpty());
  EXPECT_THAT(plan.remarks, IsEmpty());
  EXPECT_TRUE(plan.kprobes);
  EXPECT_FALSE(plan.fprobes) << "there is no dynamic_events";
  auto texts = TextsOf(plan);
  EXPECT_THAT(texts, SizeIs(18));
  const std::string task = "pid=+72($arg1):s32 comm=+76($arg1):string st=+24($arg1):x32";
  EXPECT_EQ(texts["ttwu"], "p:wakewatch/ttwu try_to_wake_up " + task + " mode=$arg2:x32 oncpu=+52($arg1):s32");
  EXPECT_EQ(texts["ttwu_ret"], "r64:wakewatch/ttwu_ret try_to_wake_up ret=$retval:s32");
  EXPECT_EQ(texts["wake_up"],
            "p:wakewatch/wake_up __wake_up wq=$arg1:x64 mode=$arg2:x32 nr=$arg3:s32 head=+8($arg1):x64");
  EXPECT_EQ(texts["complete"], "p:wakewatch/complete complete x=$arg1:x64 done=+0($arg1):u32 head=+16($arg1):x64");
  EXPECT_EQ(texts["complete_all"],
            "p:wakewatch/complete_all complete_all x=$arg1:x64 done=+0($arg1):u32 head=+16($arg1):x64");
  EXPECT_EQ(texts["wait_for_completion"],
            "p:wakewatch/wait_for_completion wait_for_completion x=$arg1:x64 done=+0($arg1):u32");
  EXPECT_EQ(texts["prepare_to_wait_event"],
            "p:wakewatch/prepare_to_wait_event prepare_to_wait_event wq=$arg1:x64 state=$arg3:x32");
  EXPECT_EQ(texts["finish_wait"], "p:wakewatch/finish_wait finish_wait wq=$arg1:x64");
  EXPECT_EQ(texts["kthread_stop"], "p:wakewatch/kthread_stop kthread_stop " + task);
  EXPECT_EQ(texts["queue_work"],
            "p:wakewatch/queue_work __queue_work cpu=$arg1:s32 wq=$arg2:x64 work=$arg3:x64 fn=+24($arg3):symbol");
}

TEST(PlanProbes, OtherKernelsHaveOtherLayouts) {
  const FakeProbeHost newer({.byte_on_cpu = true, .queue_head = 24});
  const ProbePlan plan = PlanProbes(newer.host());
  EXPECT_THAT(TextsOf(plan)["ttwu"], HasSubstr("oncpu=+52($arg1):u8"));
  EXPECT_THAT(TextsOf(plan)["wake_up"], HasSubstr("head=+24($arg1):x64"));
  ASSERT_THAT(plan.remarks, SizeIs(1)) << "who reads the events looks for 8";
  EXPECT_THAT(plan.remarks[0], HasSubstr("wait_queue_head at 24 bytes"));
  const FakeProbeHost older({.old_state = true});
  EXPECT_THAT(TextsOf(PlanProbes(older.host()))["ttwu"], HasSubstr("st=+16($arg1):x64"));
}

TEST(PlanProbes, WithoutArgNRegistersAreNamed) {
  FakeProbeHost fake;
  fake.folder.Write("README", "Format: p[:[<group>/][<event>]] <place> [<args>]\n");
  EXPECT_THAT(TextsOf(PlanProbes(fake.host("x86_64")))["prepare_to_wait"], HasSubstr("wq=%di:x64 state=%dx:x32"));
  EXPECT_THAT(TextsOf(PlanProbes(fake.host("aarch64")))["prepare_to_wait"], HasSubstr("wq=%x0:x64 state=%x2:x32"));
  const ProbePlan refused = PlanProbes(fake.host("riscv64"));
  EXPECT_THAT(refused.refusal, HasSubstr("riscv64"));
  EXPECT_THAT(refused.probes, IsEmpty());
}

TEST(PlanProbes, WhatCannotBePlacedIsNamedWithItsCause) {
  FakeProbeHost fake;
  std::string symbols = fake.folder.Read("kallsyms");
  const auto replace = [&symbols](const std::string& from, const std::string& to) {
    symbols.replace(symbols.find(from), from.size(), to);
  };
  replace(" complete_all\n", " complete_all.isra.0\n");
  replace(" kthread_stop\n", " kthread_unpark\n");
  fake.folder.Write("kallsyms", symbols + "ffffffff81000000 T wait_for_completion_io\n");
  const ProbePlan plan = PlanProbes(fake.host());
  std::vector<std::string> told;
  for (const MissingProbe& probe : plan.missing) told.push_back(probe.name + ": " + probe.cause);
  EXPECT_THAT(told, ElementsAre(HasSubstr("complete_all: the compiler made complete_all.isra.0"),
                                HasSubstr("kthread_stop: this kernel has no function kthread_stop")));
  EXPECT_EQ(TextsOf(plan).count("wait_for_completion_io"), 1u) << "not every kernel has it: then it is placed";
}

TEST(PlanProbes, AKernelThatTakesNoProbesSaysWhy) {
  const struct {
    const char *story, *without, *refusal;
  } rows[] = {
      {"no kprobe events", "kprobe_events", "no kprobe events"},
      {"no BTF", "vmlinux", "CONFIG_DEBUG_INFO_BTF"},
      {"no symbols", "kallsyms", "available_filter_functions"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FakeProbeHost fake;
    fake.folder.Remove(row.without);
    const ProbePlan plan = PlanProbes(fake.host());
    EXPECT_THAT(plan.refusal, HasSubstr(row.refusal));
    EXPECT_THAT(plan.probes, IsEmpty());
  }
}

TEST(PlanProbes, ThisMachinesKernel) {
  ProbeHost host{.tracefs = "/sys/kernel/tracing"};
  if (!FileExists(host.tracefs + "/kprobe_events")) GTEST_SKIP() << "NOT TESTED: this kernel has no kprobe events";
  const ProbePlan plan = PlanProbes(host);
  EXPECT_EQ(plan.refusal, "");
  EXPECT_GE(plan.probes.size(), 15u);
}

TEST(ProbeDefinition, AnFprobeTakesTheSameFields) {
  const ProbeDefinition entry{"finish_wait", "finish_wait", false, "wq=$arg1:x64"};
  EXPECT_EQ(entry.FprobeText(), "f:wakewatch/finish_wait finish_wait wq=$arg1:x64");
  const ProbeDefinition result{"ttwu_ret", "try_to_wake_up", true, "ret=$retval:s32"};
  EXPECT_EQ(result.FprobeText(), "f:wakewatch/ttwu_ret try_to_wake_up%return ret=$retval:s32");
}

}  // namespace
}  // namespace wakewatch
