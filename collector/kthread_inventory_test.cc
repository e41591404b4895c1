#include "collector/kthread_inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Depth = KthreadInventory::Depth;

// The text of a stat file with the fields that matter set.
std::string StatText(int pid, const std::string& comm, int parent, uint32_t flags, uint64_t start_ticks,
                     int rt_priority = 0, int policy = 0) {
  std::string text = std::to_string(pid) + " (" + comm + ") S " + std::to_string(parent) + " 0 0 0 -1 " +
                     std::to_string(flags) + " 1 2 3 4 5 6 7 8 20 0 1 0 " + std::to_string(start_ticks);
  for (int field = 23; field <= 39; ++field) text += " 0";
  text += " " + std::to_string(rt_priority) + " " + std::to_string(policy) + " 0 0 0 0 0 0 0 0 0 0 0\n";
  return text;
}

void AddTask(TestFolder* proc, int pid, const std::string& stat, const std::string& allowed = "0-1") {
  const std::string folder = std::to_string(pid);
  proc->Write(folder + "/stat", stat);
  proc->Write(folder + "/status",
              "Name:\tx\nPid:\t1\nCpus_allowed:\t3\nCpus_allowed_list:\t" + allowed + "\nThreads:\t1\n");
}

TEST(ParseProcStat, FindsTheCommWhateverItHolds) {
  const struct {
    const char* story;
    std::string comm;
  } rows[] = {
      {"a plain name", "bash"},
      {"blanks", "my task 2"},
      {"a closing parenthesis and what looks like fields", "x) R 1 1 1 0 -1 4194560 0"},
      {"parentheses only", ")))((("},
      {"an empty name", ""},
      {"a newline", "a\nb"},
      {"a kernel thread with a slash", "kworker/0:1-events"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const auto stat = ParseProcStat(StatText(77, row.comm, 2, 0x00208040, 12345, 50, 1));
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->pid, 77);
    EXPECT_EQ(stat->comm, row.comm);
    EXPECT_EQ(stat->parent_pid, 2);
    EXPECT_EQ(stat->flags, 0x00208040u);
    EXPECT_EQ(stat->start_ticks, 12345u);
    EXPECT_EQ(stat->rt_priority, 50);
    EXPECT_EQ(stat->policy, 1);
  }
}

TEST(ParseProcStat, RefusesWhatIsNotAStatText) {
  const std::string good = StatText(1, "init", 0, 0, 1);
  const struct {
    const char* story;
    std::string text;
  } rows[] = {
      {"nothing", ""},
      {"no parentheses", "1 init S 0"},
      {"parentheses the wrong way round", "1 )init( S 0"},
      {"no pid", "(init) S 0 0"},
      {"a pid of zero", "0" + good.substr(1)},
      {"cut in front of the policy", good.substr(0, 60)},
      {"letters where a number belongs", "1 (init) S x" + good.substr(good.find(") S ") + 5)},
  };
  for (const auto& row : rows) EXPECT_FALSE(ParseProcStat(row.text)) << row.story;
}

TEST(ParseAllowedCpus, TakesTheLineAndNothingElse) {
  const struct {
    const char *story, *text, *expected;
  } rows[] = {
      {"among other lines", "Name:\ta\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8\nMems:\t1\n", "0-3,8"},
      {"as the last line without an end", "Name:\ta\nCpus_allowed_list:\t5", "5"},
      {"a task that has the key for a name", "Name:\tCpus_allowed_list:\nCpus_allowed_list:\t2\n", "2"},
      {"missing", "Name:\ta\n", ""},
      {"empty", "", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(ParseAllowedCpus(row.text), row.expected) << row.story;
}

TEST(WithoutWorkSuffix, CutsOnlyWhatProcAppendsToWorkers) {
  const struct {
    const char *story, *comm, *expected;
    uint32_t flags;
  } rows[] = {
      {"an idle worker", "kworker/0:1-events", "kworker/0:1", kPfKthread | kPfWqWorker},
      {"a worker at work", "kworker/u8:2+flush-8:0", "kworker/u8:2", kPfKthread | kPfWqWorker},
      {"a highpri worker", "kworker/3:0H-kblockd", "kworker/3:0H", kPfKthread | kPfWqWorker},
      {"a worker that has done nothing yet", "kworker/0:1", "kworker/0:1", kPfKthread | kPfWqWorker},
      {"a rescuer", "kworker/R-xfs-log", "kworker/R-xfs-log", kPfKthread | kPfWqWorker},
      {"a journal thread", "jbd2/sda1-8", "jbd2/sda1-8", kPfKthread},
      {"a user task that calls itself so", "kworker/0:1-evil", "kworker/0:1-evil", 0},
  };
  for (const auto& row : rows) EXPECT_EQ(WithoutWorkSuffix(row.comm, row.flags), row.expected) << row.story;
}

TEST(KthreadInventory, TellsAKernelThreadsAffinityAndPolicy) {
  TestFolder proc;
  AddTask(&proc, 15, StatText(15, "migration/0", 2, kPfKthread, 3, 99, 1), "0");
  AddTask(&proc, 900, StatText(900, "bash", 1, 0, 8000));
  proc.Write("900/task/900/stat", StatText(900, "bash", 1, 0, 8000));
  proc.Write("900/task/901/stat", StatText(901, "bash-io", 1, 0, 8001));
  proc.Write("uptime", "1 2\n");
  KthreadInventory inventory(proc.path());
  const auto tasks = inventory.Scan(Depth::kEverything, 500);
  ASSERT_THAT(tasks, SizeIs(3));
  EXPECT_EQ(tasks[0].comm, "migration/0");
  EXPECT_EQ(tasks[0].affinity, "0");
  EXPECT_EQ(tasks[0].rt_priority, 99);
  EXPECT_EQ(tasks[0].policy, 1);
  EXPECT_EQ(tasks[0].parent_pid, 2);
  EXPECT_EQ(tasks[0].first_seen_ns, 500u);
  EXPECT_TRUE(tasks[0].from_inventory);
  EXPECT_EQ(tasks[1].comm, "bash");
  EXPECT_EQ(tasks[1].affinity, "");
  EXPECT_EQ(tasks[2].pid, 901);
  EXPECT_THAT(inventory.Scan(Depth::kEverything, 600), IsEmpty());
}

TEST(KthreadInventory, SaysOnlyWhatChanged) {
  TestFolder proc;
  AddTask(&proc, 20, StatText(20, "kworker/0:1-events", 2, kPfKthread | kPfWqWorker, 3), "0");
  KthreadInventory inventory(proc.path());
  ASSERT_THAT(inventory.Scan(Depth::kEverything, 100), SizeIs(1));

  AddTask(&proc, 20, StatText(20, "kworker/0:1-mm_percpu_wq", 2, kPfKthread | kPfWqWorker | 0x8000, 3), "0");
  EXPECT_THAT(inventory.Scan(Depth::kEverything, 200), IsEmpty()) << "other work, and a flag of the moment";

  AddTask(&proc, 20, StatText(20, "kworker/0:1-events", 2, kPfKthread | kPfWqWorker, 3), "0-1");
  EXPECT_THAT(inventory.Scan(Depth::kNewProcesses, 300), IsEmpty()) << "known pids are not read again";
  const auto moved = inventory.Scan(Depth::kKernelThreads, 400);
  ASSERT_THAT(moved, SizeIs(1));
  EXPECT_EQ(moved[0].affinity, "0-1");
  EXPECT_EQ(moved[0].first_seen_ns, 400u) << "what is new must not be said of what was before";
}

TEST(KthreadInventory, APidThatWasGoneIsANewTask) {
  TestFolder proc;
  AddTask(&proc, 30, StatText(30, "first", 1, 0, 1000));
  KthreadInventory inventory(proc.path());
  ASSERT_THAT(inventory.Scan(Depth::kNewProcesses, 100), SizeIs(1));
  proc.Remove("30");
  EXPECT_THAT(inventory.Scan(Depth::kNewProcesses, 200), IsEmpty());
  AddTask(&proc, 30, StatText(30, "second", 1, 0, 2000));
  const auto again = inventory.Scan(Depth::kNewProcesses, 300);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].comm, "second");
  EXPECT_EQ(again[0].start_ticks, 2000u);
  EXPECT_EQ(again[0].first_seen_ns, 300u);
}

TEST(KthreadInventory, PassesOverTasksThatCannotBeRead) {
  TestFolder proc;
  proc.Folder("40");                                      // ended between listing and reading
  proc.Write("41/stat", "41 (cut");                       // ended while it was read
  proc.Write("42/stat", StatText(43, "other", 1, 0, 1));  // not what the folder says
  KthreadInventory inventory(proc.path());
  EXPECT_THAT(inventory.Scan(Depth::kEverything, 1), IsEmpty());
  KthreadInventory nowhere(proc.path() + "/missing");
  EXPECT_THAT(nowhere.Scan(Depth::kEverything, 1), IsEmpty());
}

TEST(ProcessLives, ComparesTheStartTime) {
  TestFolder proc;
  AddTask(&proc, 50, StatText(50, "a", 1, 0, 700));
  EXPECT_TRUE(ProcessLives(proc.path(), 50, 700));
  EXPECT_FALSE(ProcessLives(proc.path(), 50, 701)) << "the pid belongs to another task now";
  EXPECT_FALSE(ProcessLives(proc.path(), 51, 700));
}

}  // namespace
}  // namespace wakewatch
