#include "server/cli/machine_checks.h"

#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

const MachineCheck* Find(const std::vector<MachineCheck>& checks, const std::string& name) {
  const auto at =
      std::find_if(checks.begin(), checks.end(), [&](const MachineCheck& check) { return check.name == name; });
  return at == checks.end() ? nullptr : &*at;
}

TEST(MachineChecks, TracefsIsFoundAmongTheMounts) {
  EXPECT_EQ(TracefsMount(""), "");
  EXPECT_EQ(TracefsMount("proc /proc proc rw 0 0\n"), "");
  EXPECT_EQ(TracefsMount("none /sys/kernel/tracing tracefs rw 0 0\n"), "/sys/kernel/tracing");
  EXPECT_EQ(
      TracefsMount("tracefs /sys/kernel/debug/tracing tracefs rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n"),
      "/sys/kernel/tracing");
  EXPECT_EQ(TracefsMount("tracefs /sys/kernel/debug/tracing tracefs rw 0 0\n"), "/sys/kernel/debug/tracing");
}

TEST(MachineChecks, WhatFailsHasARemedy) {
  const auto checks = CheckMachine({"/nonexistent/tracefs", "/nonexistent/folder"});
  for (const char* name : {"tracefs", "disk"}) {
    const MachineCheck* check = Find(checks, name);
    ASSERT_NE(check, nullptr) << name;
    EXPECT_EQ(check->health, Health::kFail) << name;
    EXPECT_FALSE(check->remedy.empty()) << name;
  }
  EXPECT_EQ(Find(checks, "instance"), nullptr) << "nothing is tried where there is no tracefs";
}

TEST(MachineChecks, AKernelWithoutProbesIsNoObstacle) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: what lies in tracefs is looked at by root only";
  TestFolder tracefs;
  tracefs.Folder("instances");
  const auto checks = CheckMachine({tracefs.path(), "."});
  const MachineCheck* check = Find(checks, "deep-evidence");
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->health, Health::kWarn);
  EXPECT_EQ(check->found, "tracepoints only: this kernel has no kprobe events");
}

TEST(MachineChecks, WithoutRootTheAnswerIsNo) {
  const auto checks = CheckMachine({"", "."});
  const MachineCheck* check = Find(checks, "privileges");
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->health == Health::kOk, ::geteuid() == 0);
}

}  // namespace
}  // namespace wakewatch
