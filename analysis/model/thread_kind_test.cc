#include "analysis/model/thread_kind.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

constexpr uint32_t kKthreadFlags = 0x00208040;
constexpr uint32_t kWorkerFlags = 0x04208060;
constexpr uint32_t kUserFlags = 0x00400100;
constexpr uint32_t kIoWorkerFlags = 0x00404050;    // PF_IO_WORKER 0x10, no PF_KTHREAD
constexpr uint32_t kUserWorkerFlags = 0x00404040;  // PF_USER_WORKER 0x4000

TEST(ThreadKind, EveryKindHasOneRowAtItsOwnIndex) {
  std::set<std::string_view> names;
  for (const ThreadKindInfo& info : ThreadKinds()) {
    EXPECT_EQ(&Info(info.kind), &info) << info.name;
    EXPECT_FALSE(info.purpose.empty()) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " appears twice";
  }
  EXPECT_EQ(ThreadKinds().size(), static_cast<size_t>(ThreadKind::kKthread) + 1);
  EXPECT_EQ(Info(static_cast<ThreadKind>(250)).kind, ThreadKind::kKthread);
}

struct NameRow {
  const char* story;
  int32_t pid;
  const char* comm;
  ThreadKind kind;
};

TEST(ThreadKind, FromNameAlone) {
  const NameRow rows[] = {
      {"pid 0 is the idle task whatever it is called", 0, "swapper/3", ThreadKind::kIdle},
      {"kthreadd is pid 2", 2, "kthreadd", ThreadKind::kKthreadd},
      {"a program may call itself kthreadd", 812, "kthreadd", ThreadKind::kUser},
      {"softirq thread", 14, "ksoftirqd/0", ThreadKind::kKsoftirqd},
      {"softirq thread of a large machine", 914, "ksoftirqd/191", ThreadKind::kKsoftirqd},
      {"no CPU number, no softirq thread", 14, "ksoftirqd/", ThreadKind::kUser},
      {"something behind the CPU number", 14, "ksoftirqd/0x", ThreadKind::kUser},
      {"bound worker", 9, "kworker/0:0", ThreadKind::kKworker},
      {"bound worker of the high-priority pool", 10, "kworker/0:0H", ThreadKind::kKworker},
      {"unbound worker", 12, "kworker/u8:0", ThreadKind::kKworker},
      {"/proc's suffix: last queue served", 12, "kworker/u8:0-events_unbound", ThreadKind::kKworker},
      {"/proc's suffix: queue being served", 12, "kworker/1:1H+kblockd", ThreadKind::kKworker},
      {"suffix cut at 15 characters", 12, "kworker/0:1H-kb", ThreadKind::kKworker},
      {"cut before the worker's number", 12, "kworker/u10000:", ThreadKind::kKworker},
      {"a worker that is leaving", 12, "kworker/dying", ThreadKind::kKworker},
      {"not a worker's name", 5000, "kworker/x", ThreadKind::kUser},
      {"not a worker's name either", 5000, "kworkerd", ThreadKind::kUser},
      {"rescuer since 6.9", 4, "kworker/R-rcu_g", ThreadKind::kKworkerRescuer},
      {"rescuer before 6.9, with a name of the kernel's own", 4, "mm_percpu_wq", ThreadKind::kKworkerRescuer},
      {"rescuer before 6.9 whose name anybody may have", 4, "writeback", ThreadKind::kUser},
      {"stop class", 18, "migration/0", ThreadKind::kMigration},
      {"hotplug", 19, "cpuhp/0", ThreadKind::kCpuhp},
      {"grace periods", 15, "rcu_preempt", ThreadKind::kRcu},
      {"long name, cut by the trace", 27, "rcu_tasks_kthre", ThreadKind::kRcu},
      {"long name, whole in /proc", 28, "rcu_tasks_rude_kthread", ThreadKind::kRcu},
      {"callback offload", 33, "rcuop/12", ThreadKind::kRcu},
      {"threaded interrupt with a colon in its name", 50, "irq/24-ACPI:Ged", ThreadKind::kIrq},
      {"one reclaimer a node", 45, "kswapd0", ThreadKind::kKswapd},
      {"ext4 journal", 77, "jbd2/vda1-8", ThreadKind::kJbd2},
      {"btrfs commit thread, cut at 15", 78, "btrfs-transacti", ThreadKind::kBtrfs},
      {"RAID", 79, "md127_raid10", ThreadKind::kMd},
      {"a file checker that begins alike", 80, "md5sum", ThreadKind::kUser},
      {"release thread of pool workqueues, cut at 15", 3, "pool_workqueue_", ThreadKind::kKthread},
      {"anybody may be called loop0", 81, "loop0", ThreadKind::kUser},
      {"an ordinary program", 4711, "sshd", ThreadKind::kUser},
      {"no name at all", 4711, "", ThreadKind::kUser},
  };
  for (const NameRow& row : rows) {
    EXPECT_EQ(Info(KindFromName(row.pid, row.comm)).name, Info(row.kind).name) << row.story << ": " << row.comm;
  }
}

TEST(ThreadKind, OfATaskKnownToBeAKernelThread) {
  const NameRow rows[] = {
      {"an ambiguous name is believed now", 81, "loop0", ThreadKind::kLoop},
      {"bare queue name", 34, "writeback", ThreadKind::kKworkerRescuer},
      {"a driver's thread", 52, "hwrng", ThreadKind::kKthread},
      {"a thread without a name", 52, "", ThreadKind::kKthread},
      {"kthreadd by its pid", 2, "", ThreadKind::kKthreadd},
  };
  for (const NameRow& row : rows) {
    EXPECT_EQ(Info(KindOfKthread(row.pid, row.comm)).name, Info(row.kind).name) << row.story << ": " << row.comm;
  }
}

TEST(ThreadKind, FromInventoryTheFlagsDecide) {
  struct Row {
    const char* story;
    int32_t pid;
    uint32_t flags;
    const char* comm;
    ThreadKind kind;
  };
  const Row rows[] = {
      {"worker", 9, kWorkerFlags, "kworker/0:0-events", ThreadKind::kKworker},
      {"rescuer, old name", 34, kWorkerFlags, "nvme-wq", ThreadKind::kKworkerRescuer},
      {"rescuer, new name", 34, kWorkerFlags, "kworker/R-nvme-wq", ThreadKind::kKworkerRescuer},
      {"worker that has not yet set its flag", 9, kKthreadFlags, "kworker/0:3", ThreadKind::kKworker},
      {"a program that hides behind a worker's name", 6666, kUserFlags, "kworker/0:0", ThreadKind::kUser},
      {"io_uring worker belongs to its process", 700, kIoWorkerFlags, "iou-wrk-700", ThreadKind::kUser},
      {"vhost worker belongs to its process", 701, kUserWorkerFlags, "vhost-700", ThreadKind::kUser},
      {"any kernel thread", 52, kKthreadFlags, "hwrng", ThreadKind::kKthread},
      {"softirq thread", 14, kKthreadFlags, "ksoftirqd/0", ThreadKind::kKsoftirqd},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Info(KindFromInventory(row.pid, row.flags, row.comm)).name, Info(row.kind).name) << row.story;
  }
}

TEST(ThreadKind, WorkThatOnceHadAThreadOfItsOwn) {
  EXPECT_EQ(OnceThreadOf("wb_workfn"), "pdflush");
  EXPECT_EQ(OnceThreadOf("hub_event"), "khubd");
  EXPECT_EQ(OnceThreadOf("vmstat_update"), "");
}

TEST(ThreadKind, UserAndIdleAreNotKernelThreads) {
  EXPECT_FALSE(IsKernelThread(ThreadKind::kUser));
  EXPECT_FALSE(IsKernelThread(ThreadKind::kIdle));
  EXPECT_TRUE(IsKernelThread(ThreadKind::kKthreadd));
  EXPECT_TRUE(IsKernelThread(ThreadKind::kKthread));
  EXPECT_EQ(Name(KindSource::kFork), "fork");
}

}  // namespace
}  // namespace wakewatch
