#include "analysis/model/cpu_automaton.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(CpuAutomaton, PairsByTheirIds) {
  CpuAutomaton cpu;
  EXPECT_TRUE(cpu.Leave(Bracket::kSoftirq, 3)) << "its entry may lie in front of the trace";
  EXPECT_TRUE(cpu.Enter(Bracket::kSoftirq, 3, 10));
  EXPECT_EQ(cpu.open(), Bit(Bracket::kSoftirq));
  EXPECT_FALSE(cpu.Enter(Bracket::kSoftirq, 1, 20));
  EXPECT_FALSE(cpu.Leave(Bracket::kSoftirq, 3));
  EXPECT_FALSE(cpu.Leave(Bracket::kSoftirq, 1)) << "it is closed";
  EXPECT_EQ(cpu.open(), 0);
}

TEST(CpuAutomaton, AnotherInterruptMayComeOnTop) {
  CpuAutomaton cpu;
  cpu.Switch(false);
  EXPECT_TRUE(cpu.EnterIrq(9, 1));
  EXPECT_TRUE(cpu.EnterIrq(5, 2));
  EXPECT_TRUE(cpu.LeaveIrq(5));
  EXPECT_EQ(cpu.open(), Bit(Bracket::kIrq));
  EXPECT_TRUE(cpu.LeaveIrq(9));
  EXPECT_EQ(cpu.open(), 0);
  EXPECT_TRUE(cpu.EnterIrq(9, 3));
  EXPECT_FALSE(cpu.EnterIrq(9, 4)) << "the same may not";
  EXPECT_FALSE(cpu.LeaveIrq(5));
}

TEST(CpuAutomaton, BehindAContradictionOneEventSaysNothing) {
  CpuAutomaton cpu;
  cpu.Switch(false);
  EXPECT_FALSE(cpu.Leave(Bracket::kTimer, 7)) << "swapped with its entry";
  cpu.Distrust(Bracket::kTimer);
  EXPECT_TRUE(cpu.Enter(Bracket::kTimer, 7, 1));
  EXPECT_TRUE(cpu.Enter(Bracket::kTimer, 7, 2));
  EXPECT_FALSE(cpu.Enter(Bracket::kTimer, 7, 3));
}

TEST(CpuAutomaton, ASwitchShowsThatNothingIsOpen) {
  CpuAutomaton cpu;
  cpu.Switch(false);
  EXPECT_FALSE(cpu.Leave(Bracket::kSoftirq, 1));
  cpu.Switch(true);
  EXPECT_TRUE(cpu.Leave(Bracket::kSoftirq, 1)) << "softirqs that can be preempted may be open in another task";
  EXPECT_FALSE(cpu.LeaveIrq(4));
}

}  // namespace
}  // namespace wakewatch
