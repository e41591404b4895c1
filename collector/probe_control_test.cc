#include "collector/probe_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "collector/fake_probe_host_test.h"

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ParseProbeProfile, ReadsHitsAndMisses) {
  auto profile = ParseProbeProfile("  ttwu   9   0\n  mine  3 4\n  mine 5 6\nbroken\n\n  x y z\n  last 1 2");
  EXPECT_THAT(profile, SizeIs(2)) << "whose is a name that two groups have";
  EXPECT_EQ(profile["ttwu"].hits, 9u);
  EXPECT_EQ(profile["last"].misses, 2u);
}

TEST(EvidenceText, NamesWhatIsMissing) {
  EXPECT_EQ(EvidenceText({{.name = "a", .on = true}, {.name = "b", .on = true}}), "deep: 2 of 2 probes");
  EXPECT_EQ(EvidenceText({{.name = "a", .on = true}, {.name = "b"}, {.name = "c"}}),
            "deep: 1 of 3 probes; without b, c");
}

class ProbeControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    placement_ =
        ProbePlacement::Place(fake_.host(), fake_.folder.path() + "/instances/own", 1'000, &warnings_, &evidence_);
    ASSERT_NE(placement_, nullptr);
    control_ = std::make_unique<ProbeControl>(placement_->placed(), ProbeLimitOptions{},
                                              [this] { return placement_->Hits(); });
    control_->Begin(control_->events(), set_, &warnings_);
  }
  // A second with so many events of two probes; what was switched then.
  std::string Second(uint64_t completes, uint64_t finishes) {
    now_ns_ += 1'000'000'000;
    completes_ += completes;
    finishes_ += finishes;
    const auto read = [&](const std::string& event) {
      return event == "wakewatch/complete" ? completes_ : event == "wakewatch/finish_wait" ? finishes_ : 0;
    };
    return control_->Due(now_ns_, read) ? control_->Apply(set_, &warnings_) : "";
  }

  FakeProbeHost fake_;
  Warnings warnings_;
  std::string evidence_;
  std::vector<std::string> set_events_;
  std::string refused_;
  const ProbeControl::SetEvent set_ = [this](const std::string& event, bool on) -> Status {
    if (event == refused_) return Fail(ErrorCode::kIo, "no such device");
    set_events_.push_back((on ? "+" : "-") + event);
    return {};
  };
  std::unique_ptr<ProbePlacement> placement_;
  std::unique_ptr<ProbeControl> control_;
  uint64_t now_ns_ = 0, completes_ = 0, finishes_ = 0;
};

TEST_F(ProbeControlTest, BusyProbesGoOffWithAReason) {
  EXPECT_THAT(set_events_, SizeIs(18));
  EXPECT_EQ(Second(100, 100), "");
  EXPECT_EQ(Second(30'000, 100), "");
  set_events_.clear();
  EXPECT_EQ(Second(30'000, 100), "probes off (30000 events/s, the limit is 20000): complete");
  EXPECT_THAT(set_events_, ElementsAre("-wakewatch/complete"));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("probes off (30000 events/s")));
  EXPECT_EQ(EvidenceText(control_->states()), "deep: 17 of 18 probes; without complete");
  EXPECT_THAT(control_->on(), SizeIs(17));
  for (int i = 0; i < 59; ++i) EXPECT_EQ(Second(0, 100), "");
  EXPECT_EQ(Second(0, 100), "probes on again (tried again after 60 s): complete");
  for (const ProbeState& probe : control_->states()) {
    EXPECT_TRUE(probe.on);
    EXPECT_EQ(probe.switched_off, probe.name == "complete" ? 1u : 0u);
    EXPECT_EQ(probe.events, probe.name == "complete" ? 60'100u : probe.name == "finish_wait" ? 6'300u : 0u);
  }
}

TEST_F(ProbeControlTest, AProbeOverItsLimitInTheKernelsCountOnlyIsBusyToo) {
  uint64_t hits = 0;
  std::string told;
  for (int second = 0; second < 5; ++second) {
    hits += 50'000;
    fake_.folder.Write("kprobe_profile", "  complete  " + std::to_string(hits) + "  0\n");
    told += Second(10, 10);  // the kernel's buffers lost the others
  }
  EXPECT_EQ(told, "probes off (50000 events/s, the limit is 20000): complete");
}

TEST_F(ProbeControlTest, CallsThatAProbeDidNotSeeAreCounted) {
  for (const char* profile : {"  complete 10 5\n", "  complete 20 5\n", "  complete 30 8\n"}) {
    fake_.folder.Write("kprobe_profile", profile);
    Second(10, 10);
  }
  for (const ProbeState& probe : control_->states()) {
    EXPECT_EQ(probe.missed, probe.name == "complete" ? 3u : 0u) << "those of before we looked are not ours";
  }
}

TEST_F(ProbeControlTest, APauseTakesThemAllAndGivesThemBack) {
  Second(1, 1);
  Second(30'000, 1);
  Second(30'000, 1);  // complete is off by itself
  set_events_.clear();
  control_->Pause("profile", "a smaller profile");
  control_->Pause("user", "a long queue");
  EXPECT_THAT(Second(1, 1), HasSubstr("probes off (a smaller profile): ttwu, ttwu_ret"));
  EXPECT_THAT(set_events_, SizeIs(17));
  EXPECT_THAT(control_->on(), IsEmpty());
  control_->Pause("profile", "");
  EXPECT_EQ(Second(1, 1), "") << "there is another reason still";
  control_->Pause("user", "");
  EXPECT_THAT(Second(1, 1), HasSubstr("probes on again (what they made room for has passed): ttwu"));
  EXPECT_EQ(EvidenceText(control_->states()), "deep: 17 of 18 probes; without complete");
}

TEST_F(ProbeControlTest, AllOfThemAreNotListed) {
  control_->Pause("user", "a long queue");
  EXPECT_EQ(Second(1, 1), "probes off (a long queue): all");
  control_->Pause("user", "");
  EXPECT_EQ(Second(1, 1), "probes on again (what they made room for has passed): all");
}

TEST_F(ProbeControlTest, WhatCannotBeSwitchedIsSaid) {
  Second(1, 1);
  Second(1, 30'000);
  refused_ = "wakewatch/finish_wait";
  EXPECT_EQ(Second(1, 30'000), "") << "nothing changed";
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("probe finish_wait stays on: no such device")));
  EXPECT_THAT(control_->on(), SizeIs(18));
}

TEST(ProbeControl, OneWithoutAFormatOrThatDoesNotGoOnIsNotRecorded) {
  FakeProbeHost fake;
  Warnings warnings;
  std::string evidence;
  const auto placement = ProbePlacement::Place(fake.host(), fake.folder.path() + "/none", 1, &warnings, &evidence);
  ASSERT_NE(placement, nullptr);
  ProbeControl control(placement->placed(), {}, [] { return ProbeHitsByName(); });
  auto usable = control.events();
  std::erase(usable, "wakewatch/complete");
  control.Begin(
      usable,
      [](const std::string& event, bool) -> Status {
        if (event == "wakewatch/ttwu_ret") return Fail(ErrorCode::kIo, "no memory");
        return {};
      },
      &warnings);
  EXPECT_EQ(EvidenceText(control.states()), "deep: 16 of 18 probes; without ttwu_ret, complete");
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("probe ttwu_ret is not recorded: no memory")));
}

TEST(ProbeControl, AKernelWithoutProbesIsOneLine) {
  FakeProbeHost fake;
  fake.folder.Remove("kprobe_events");
  Warnings warnings;
  std::string evidence;
  EXPECT_EQ(ProbePlacement::Place(fake.host(), "", 0, &warnings, &evidence), nullptr);
  EXPECT_EQ(evidence, "tracepoints only: this kernel has no kprobe events");
  EXPECT_THAT(warnings, ElementsAre("evidence is tracepoints only: this kernel has no kprobe events"));
}

}  // namespace
}  // namespace wakewatch
