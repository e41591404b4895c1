#include "collector/tracefs_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/file_io.h"
#include "collector/kthread_inventory.h"
#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(TracefsAmongMounts, PrefersTheUsualPlaceThenAnyThenDebugfs) {
  const struct {
    const char *story, *mounts, *expected;
  } rows[] = {
      {"the usual place", "proc /proc proc rw 0 0\nnodev /sys/kernel/tracing tracefs rw 0 0\n", "/sys/kernel/tracing"},
      {"the usual place behind another",
       "a /mnt/t tracefs rw 0 0\nb /sys/kernel/tracing tracefs rw 0 0\nc /x tracefs rw 0 0\n", "/sys/kernel/tracing"},
      {"another place", "none /mnt/t tracefs rw 0 0\n", "/mnt/t"},
      {"debugfs mounts tracefs below itself", "debugfs /sys/kernel/debug debugfs rw 0 0\n",
       "/sys/kernel/debug/tracing"},
      {"tracefs wins over debugfs", "d /d debugfs rw 0 0\nt /t tracefs rw 0 0\n", "/t"},
      {"neither", "proc /proc proc rw 0 0\n", ""},
      {"broken lines", "\nx\ny z\n tracefs", ""},
      {"nothing", "", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(TracefsAmongMounts(row.mounts), row.expected) << row.story;
}

TEST(FindTracefs, SaysWhatIsWrongWithAFolder) {
  TestFolder folder;
  Warnings warnings;
  const auto not_tracefs = FindTracefs(folder.path(), &warnings);
  ASSERT_FALSE(not_tracefs);
  EXPECT_EQ(not_tracefs.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(not_tracefs.error().file, folder.path());
  EXPECT_THAT(not_tracefs.error().remedy, HasSubstr("mount -t tracefs"));
  EXPECT_FALSE(FindTracefs(folder.path() + "/missing", &warnings));
  folder.Folder("instances");
  EXPECT_EQ(FindTracefs(folder.path(), &warnings).value_or(""), folder.path());
}

TEST(InstanceName, IsReadBackByItsOwnPrefixOnly) {
  for (const unsigned n : {0u, 3u}) {
    const auto owner = ParseInstanceName("wakewatch", InstanceName("wakewatch", {4711, 998877}, n));
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->pid, 4711);
    EXPECT_EQ(owner->start_ticks, 998877u);
  }
  for (const char* name : {"wakewatch", "wakewatch-", "wakewatch-1", "wakewatch-1-", "wakewatch-a-1", "wakewatch-1-2-",
                           "wakewatch-1-2-3-4", "wakewatch-0-5", "wakewatch-99999999999-1", "wakewatch-test-1-2",
                           "wakewatcher-1-2", "trace-cmd", ""}) {
    EXPECT_FALSE(ParseInstanceName("wakewatch", name)) << name;
  }
}

TEST(ParseCpuStats, ReadsTheKernelsText) {
  const char* const text =
      "entries: 12\noverrun: 34\ncommit overrun: 5\nbytes: 9999\noldest event ts:     1.5\nnow ts:  2.5\n"
      "dropped events: 6\nread events: 78\n";
  const auto stats = ParseCpuStats(3, text);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->cpu, 3u);
  EXPECT_EQ(stats->entries, 12u);
  EXPECT_EQ(stats->overrun, 34u);
  EXPECT_EQ(stats->commit_overrun, 5u);
  EXPECT_EQ(stats->dropped, 6u);
  EXPECT_EQ(stats->read, 78u);
  EXPECT_FALSE(ParseCpuStats(0, "entries: 12\noverrun: 34\n")) << "a missing counter is not a zero";
  EXPECT_FALSE(ParseCpuStats(0, "entries: x\noverrun: 1\ncommit overrun: 1\ndropped events: 1\nread events: 1\n"));
}

class FakeInstance : public ::testing::Test {
 protected:
  FakeInstance() {
    for (const char* file : {"tracing_on", "trace_clock", "buffer_subbuf_size_kb", "buffer_size_kb", "buffer_percent",
                             "options/overwrite"}) {
      folder_.Write(file, "?");
    }
  }
  TestFolder folder_;
  Warnings warnings_;
};

TEST_F(FakeInstance, IsConfiguredInFull) {
  const auto setup = ConfigureBuffers(folder_.path(), {4096, 64}, &warnings_);
  ASSERT_TRUE(setup) << setup.error().Text();
  EXPECT_EQ(folder_.Read("tracing_on"), "0");
  EXPECT_EQ(folder_.Read("trace_clock"), "mono");
  EXPECT_EQ(folder_.Read("buffer_subbuf_size_kb"), "64");
  EXPECT_EQ(folder_.Read("buffer_size_kb"), "4096");
  EXPECT_EQ(folder_.Read("buffer_percent"), "1");
  EXPECT_EQ(folder_.Read("options/overwrite"), "1");
  EXPECT_EQ(setup->subbuffer_bytes, 65536u);
  EXPECT_EQ(setup->buffer_bytes_per_cpu, 4096u * 1024);
  EXPECT_EQ(setup->clock.name(), "mono");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(FakeInstance, OlderKernelsHaveOnePageSubBuffersAndNoPercent) {
  folder_.Remove("buffer_subbuf_size_kb");
  folder_.Remove("buffer_percent");
  const auto setup = ConfigureBuffers(folder_.path(), {4096, 64}, &warnings_);
  ASSERT_TRUE(setup) << setup.error().Text();
  EXPECT_EQ(setup->subbuffer_bytes, static_cast<uint32_t>(sysconf(_SC_PAGESIZE)));
  ASSERT_THAT(warnings_, SizeIs(1));
  EXPECT_THAT(warnings_[0], HasSubstr("buffer_percent"));
}

TEST_F(FakeInstance, AFileThatIsNeededAndFailsIsNamedWithARemedy) {
  const struct {
    const char *story, *file;
    bool as_folder;  // a folder in the file's place: it is there, but writing fails
    ErrorCode code;
  } rows[] = {
      {"no tracing_on", "tracing_on", false, ErrorCode::kNotFound},
      {"no clocks", "trace_clock", false, ErrorCode::kNotFound},
      {"no clock is accepted", "trace_clock", true, ErrorCode::kIo},
      {"no buffer size", "buffer_size_kb", false, ErrorCode::kNotFound},
      {"the buffer size is refused", "buffer_size_kb", true, ErrorCode::kIo},
      {"no overwrite mode", "options/overwrite", false, ErrorCode::kNotFound},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    folder_.Remove(row.file);
    if (row.as_folder) folder_.Folder(row.file);
    const auto setup = ConfigureBuffers(folder_.path(), {4096, 64}, &warnings_);
    ASSERT_FALSE(setup);
    EXPECT_EQ(setup.error().code, row.code);
    EXPECT_EQ(setup.error().file, folder_.path() + "/" + row.file);
    EXPECT_FALSE(setup.error().remedy.empty());
    folder_.Remove(row.file);
    folder_.Write(row.file, "?");
  }
}

TEST_F(FakeInstance, SubBuffersThatAreRefusedCostSpeedOnly) {
  folder_.Remove("buffer_subbuf_size_kb");
  folder_.Folder("buffer_subbuf_size_kb");
  const auto setup = ConfigureBuffers(folder_.path(), {4096, 64}, &warnings_);
  ASSERT_TRUE(setup) << setup.error().Text();
  EXPECT_EQ(setup->subbuffer_bytes, static_cast<uint32_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_THAT(warnings_, SizeIs(4)) << "64, 32, 16 and 8 KiB were tried";
}

TEST(TracefsSession, IsRemovedWhenTheNextStepFails) {
  TestFolder tracefs;
  tracefs.Folder("instances");
  Warnings warnings;
  {
    const auto session = TracefsSession::Create(tracefs.path(), "wakewatch", &warnings);
    ASSERT_TRUE(session) << session.error().Text();
    EXPECT_TRUE(IsFolder((*session)->path()));
    const auto second = TracefsSession::Create(tracefs.path(), "wakewatch", &warnings);
    ASSERT_TRUE(second) << second.error().Text();
    EXPECT_NE((*second)->path(), (*session)->path()) << "two recorders of one process";
    EXPECT_FALSE((*session)->Start());
    EXPECT_FALSE((*session)->Cpus());
    EXPECT_FALSE((*session)->EnableEvents({"sched/sched_switch"}, &warnings));
  }
  EXPECT_THAT(*ListFolder(tracefs.path() + "/instances"), IsEmpty());
}

TEST(TracefsSession, ReapsOnlyWhatDeadProcessesOfItsPrefixLeft) {
  TestFolder tracefs;
  const auto self = ParseProcStat(*ReadTextFile("/proc/self/stat"));
  ASSERT_TRUE(self);
  const std::string alive = InstanceName("wakewatch", {self->pid, self->start_ticks}, 0);
  const std::string reused = InstanceName("wakewatch", {self->pid, self->start_ticks + 1}, 0);
  for (const std::string& name :
       {alive, reused, std::string("other-1-2"), std::string("wakewatch"), std::string("foo")}) {
    tracefs.Folder("instances/" + name);
  }
  const std::string busy = InstanceName("wakewatch", {self->pid, self->start_ticks + 2}, 0);
  tracefs.Write("instances/" + busy + "/tracing_on", "1");  // rmdir of a folder with files fails, as for one in use
  Warnings warnings;
  tracefs.Write("instances/" + busy + "/per_cpu/cpu0/stats", "entries: 5\n");
  std::vector<LeftOver> left;
  ReapInstances(tracefs.path(), "wakewatch", "/proc", &warnings, &left);
  EXPECT_THAT(left, IsEmpty()) << "what is in use may yet be read";
  EXPECT_THAT(*ListFolder(tracefs.path() + "/instances"),
              ::testing::UnorderedElementsAre(alive, busy, "other-1-2", "wakewatch", "foo"));
  EXPECT_EQ(tracefs.Read("instances/" + busy + "/tracing_on"), "1") << "an instance in use is not switched off";
  ASSERT_THAT(warnings, SizeIs(2));
  EXPECT_THAT(warnings[0], HasSubstr(reused));
  EXPECT_THAT(warnings[1], HasSubstr("not removed"));
}

std::string StatsText(uint64_t entries, uint64_t overrun, uint64_t dropped) {
  return "entries: " + std::to_string(entries) + "\noverrun: " + std::to_string(overrun) +
         "\ncommit overrun: 0\nbytes: 10\noldest event ts:     1.0\nnow ts:     2.0\ndropped events: " +
         std::to_string(dropped) + "\nread events: 77\n";
}

TEST(TracefsSession, WhatAnInstanceHeldIsCountedByCpu) {
  TestFolder tracefs;
  EXPECT_THAT(ReadLeftOver(tracefs.path() + "/none"), IsEmpty());
  tracefs.Write("i/per_cpu/cpu10/stats", StatsText(3, 0, 0));
  tracefs.Write("i/per_cpu/cpu2/stats", StatsText(9, 4, 1));
  tracefs.Write("i/per_cpu/cpu3/stats", StatsText(0, 7, 0));
  tracefs.Write("i/per_cpu/cpu4/stats", StatsText(0, 0, 0));
  tracefs.Write("i/per_cpu/cpu5/stats", "nonsense");
  tracefs.Write("i/per_cpu/cpux/stats", StatsText(1, 1, 1));
  const auto left = ReadLeftOver(tracefs.path() + "/i");
  ASSERT_THAT(left, SizeIs(3));
  EXPECT_EQ(left[0].cpu, 2u);
  EXPECT_EQ(left[0].unread, 9u);
  EXPECT_EQ(left[0].overwritten, 5u);
  EXPECT_EQ(left[1].cpu, 3u);
  EXPECT_EQ(left[2].cpu, 10u);
  EXPECT_EQ(TextOf(left), "12 events were never read (CPU 2: 9, CPU 10: 3) and 12 were overwritten or freed");
  EXPECT_EQ(TextOf({}), "0 events were never read and 0 were overwritten or freed");
}

TEST(TracefsSession, RefusesAPrefixThatLeadsElsewhere) {
  TestFolder tracefs;
  tracefs.Folder("instances");
  Warnings warnings;
  for (const char* prefix : {"", "..", "../x", "a/b", "."}) {
    const auto session = TracefsSession::Create(tracefs.path(), prefix, &warnings);
    ASSERT_FALSE(session) << prefix;
    EXPECT_EQ(session.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(TracefsSession, WithoutTheRightsTheErrorIsAPermissionError) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to drop it";
  TestFolder tracefs;
  tracefs.Folder("instances");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0 || chdir("/") != 0) _exit(3);
    Warnings warnings;
    const auto session = TracefsSession::Create(tracefs.path(), "wakewatch", &warnings);
    const bool closed_to_us = !session && session.error().code == ErrorCode::kPermission;
    const auto found = FindTracefs(tracefs.path(), &warnings);
    const bool told_so = !found && found.error().code == ErrorCode::kPermission && !found.error().remedy.empty();
    _exit(closed_to_us && told_so ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "mkdtemp makes a folder that only its owner may enter";
}

}  // namespace
}  // namespace wakewatch
