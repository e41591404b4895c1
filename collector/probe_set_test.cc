#include "collector/probe_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/fake_probe_host_test.h"

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

class ProbeSetTest : public ::testing::Test {
 protected:
  std::unique_ptr<ProbeSet> Place() {
    return ProbeSet::Place(fake_.folder.path(), PlanProbes(fake_.host()), &warnings_);
  }
  FakeProbeHost fake_;
  Warnings warnings_;
};

TEST_F(ProbeSetTest, PlacesBehindWhatOthersHaveAndRemovesItsOwn) {
  auto set = Place();
  EXPECT_THAT(set->placed(), SizeIs(18));
  EXPECT_THAT(set->missing(), IsEmpty());
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_THAT(fake_.placed(), StartsWith(FakeProbeHost::kSomebodyElses)) << "nothing is truncated";
  EXPECT_THAT(fake_.placed(), HasSubstr("\nr64:wakewatch/ttwu_ret try_to_wake_up ret=$retval:s32\n"));
  EXPECT_THAT(set->Remove(), IsEmpty());
  EXPECT_EQ(Count(fake_.placed(), "-:wakewatch/"), 18u);
  EXPECT_THAT(fake_.placed(), HasSubstr("-:wakewatch/ttwu\n"));
  EXPECT_THAT(fake_.placed(), Not(HasSubstr("-:wakewatch/not_ours"))) << "in our group, but not ours";
  EXPECT_THAT(fake_.placed(), Not(HasSubstr("-:lab/")));
  set.reset();
  EXPECT_EQ(Count(fake_.placed(), "-:wakewatch/"), 18u) << "once";
}

TEST_F(ProbeSetTest, CollectorsShareThemAndTheLastOneRemovesThem) {
  auto first = Place();
  auto second = Place();
  EXPECT_THAT(second->placed(), SizeIs(18));
  EXPECT_EQ(Count(fake_.placed(), "p:wakewatch/ttwu "), 1u) << "not placed twice";
  EXPECT_THAT(first->Remove(), IsEmpty());
  EXPECT_EQ(Count(fake_.placed(), "-:wakewatch/"), 0u);
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_THAT(second->Remove(), IsEmpty());
  EXPECT_EQ(Count(fake_.placed(), "-:wakewatch/"), 18u);
}

TEST_F(ProbeSetTest, WhatAKilledCollectorLeftIsUsedAgainOrReplaced) {
  const std::string left =
      "p:wakewatch/finish_wait finish_wait wq=$arg1:x64\np:wakewatch/add_wait_queue add_wait_queue wq=%di:x64\n";
  fake_.folder.Write("kprobe_events", FakeProbeHost::kSomebodyElses + left);
  const auto set = Place();
  EXPECT_THAT(set->placed(), SizeIs(18));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("left by a collector that has ended: 2;")));
  EXPECT_EQ(Count(fake_.placed(), "p:wakewatch/finish_wait "), 1u);
  EXPECT_THAT(fake_.placed(), HasSubstr("-:wakewatch/add_wait_queue\n"));
  EXPECT_THAT(fake_.placed(), HasSubstr("p:wakewatch/add_wait_queue add_wait_queue wq=$arg1:x64\n"));
}

TEST_F(ProbeSetTest, AnotherDefinitionThatIsInUseIsReported) {
  const auto running = Place();
  std::string text = fake_.placed();
  const std::string mine = "finish_wait wq=$arg1:x64", other = "finish_wait wq=%di:x64";
  text.replace(text.find(mine), mine.size(), other);
  fake_.folder.Write("kprobe_events", text);
  const auto set = Place();
  ASSERT_THAT(set->missing(), SizeIs(1));
  EXPECT_EQ(set->missing()[0].name, "finish_wait");
  EXPECT_THAT(set->missing()[0].cause, HasSubstr("defined otherwise"));
  EXPECT_EQ(Count(fake_.placed(), "-:wakewatch/"), 0u);
}

TEST_F(ProbeSetTest, WhatTheKernelRefusesIsMissingWithItsWords) {
  fake_.folder.Remove("kprobe_events");
  fake_.folder.Folder("kprobe_events");  // it is there, but writing fails
  fake_.folder.Write("error_log",
                     "[   64.1] trace_kprobe: error: Invalid probed address or symbol\n"
                     "  Command: p:wakewatch/finish_wait finish_wait wq=$arg1:x64\n              ^\n"
                     "[   65.1] trace_kprobe: error: Something else\n  Command: p:lab/x y\n");
  const auto set = Place();
  EXPECT_THAT(set->placed(), IsEmpty());
  ASSERT_THAT(set->missing(), SizeIs(18));
  for (const MissingProbe& probe : set->missing()) {
    const bool told = probe.name == "finish_wait";
    EXPECT_THAT(probe.cause, HasSubstr(told ? "refuses it: Invalid probed address or symbol" : "refuses it: Is a dir"));
  }
}

TEST_F(ProbeSetTest, FprobesStandInForKprobes) {
  fake_.folder.Remove("kprobe_events");
  fake_.folder.Write("dynamic_events", FakeProbeHost::kSomebodyElses);
  const auto set = Place();
  EXPECT_THAT(set->placed(), SizeIs(18));
  const auto list = [&] { return fake_.folder.Read("dynamic_events"); };
  EXPECT_THAT(list(), HasSubstr("f:wakewatch/ttwu_ret try_to_wake_up%return ret=$retval:s32\n"));
  EXPECT_THAT(set->Remove(), IsEmpty());
  EXPECT_EQ(Count(list(), "-:wakewatch/"), 18u);
}

TEST_F(ProbeSetTest, ReapingRemovesWhatNobodyNeeds) {
  ReapProbes(fake_.folder.path(), &warnings_);
  EXPECT_EQ(fake_.placed(), FakeProbeHost::kSomebodyElses) << "there is nothing of ours";
  auto running = Place();
  ReapProbes(fake_.folder.path(), &warnings_);
  EXPECT_EQ(Count(fake_.placed(), "-:wakewatch/"), 0u) << "a collector needs them";
  EXPECT_THAT(warnings_, IsEmpty());
  running.reset();
  fake_.folder.Write("kprobe_events", "p:wakewatch/finish_wait finish_wait wq=$arg1:x64\n");
  ReapProbes(fake_.folder.path(), &warnings_);
  EXPECT_THAT(fake_.placed(), HasSubstr("-:wakewatch/finish_wait\n"));
  EXPECT_THAT(warnings_, SizeIs(1));
}

TEST(ParseDefinedProbes, ReadsTheKernelsLines) {
  const auto defined = ParseDefinedProbes(
      "p:wakewatch/q __queue_work cpu=$arg1:s32\nr64:wakewatch/r try_to_wake_up ret=$retval:s32\n"
      "-:wakewatch/gone\n\nbroken\np x:y\n f:a/b c\nlast");
  ASSERT_THAT(defined, SizeIs(3));
  EXPECT_EQ(defined[0].event, "wakewatch/q");
  EXPECT_EQ(defined[1].event, "wakewatch/r");
  EXPECT_EQ(defined[1].text, "r64:wakewatch/r try_to_wake_up ret=$retval:s32");
  EXPECT_EQ(defined[2].event, "a/b");
}

}  // namespace
}  // namespace wakewatch
