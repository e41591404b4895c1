#include "analysis/model/thread_kind.h"

#include <array>
#include <cstddef>

namespace wakewatch {
namespace {

constexpr uint32_t kPfWqWorker = 0x00000020;
constexpr uint32_t kPfKthread = 0x00200000;
constexpr size_t kCommLength = 15;  // TASK_COMM_LEN less the NUL: what a trace keeps of a name

constexpr std::array<ThreadKindInfo, static_cast<size_t>(ThreadKind::kKthread) + 1> kKinds = {{
    {ThreadKind::kUser, "user", "any", "a task of user space", ""},
    {ThreadKind::kIdle, "idle", "swapper/CPU",
     "stands for an idle CPU; it is never woken, it runs when nothing else does", ""},
    {ThreadKind::kKthreadd, "kthreadd", "kthreadd (pid 2)", "forks every other kernel thread on request",
     "keventd, which created threads as a side job"},
    {ThreadKind::kKsoftirqd, "ksoftirqd", "ksoftirqd/CPU",
     "runs softirqs that were raised from task context or that came faster than interrupt exits could serve them", ""},
    {ThreadKind::kKworker, "kworker", "kworker/CPU:ID[H], kworker/uPOOL:ID",
     "executes queued work items of one worker pool; look at the work functions to see for whom",
     "events/CPU (keventd), kblockd/CPU, khelper, pdflush, khubd: each had threads of its own"},
    {ThreadKind::kKworkerRescuer, "kworker-rescuer", "kworker/R-QUEUE, or the bare queue name before 6.9",
     "executes one workqueue's items when memory is too short to create another worker", "the queue's own thread"},
    {ThreadKind::kMigration, "migration", "migration/CPU",
     "the stop class: takes a CPU from whatever runs there, to move tasks or to change code", ""},
    {ThreadKind::kCpuhp, "cpuhp", "cpuhp/CPU", "walks one CPU through the steps of coming online and going offline",
     ""},
    {ThreadKind::kIdleInject, "idle-inject", "idle_inject/CPU", "forces a CPU idle to keep it cool",
     "kidle_inject/CPU"},
    {ThreadKind::kRcu, "rcu", "rcu_preempt, rcu_sched, rcu_tasks_*, rcu_exp_*, rcuc/CPU, rcub/CPU, rcuo*/CPU",
     "drives grace periods and runs callbacks; long sleeps are normal", ""},
    {ThreadKind::kKtimers, "ktimers", "ktimers/CPU", "runs expired timers on real-time kernels",
     "part of ksoftirqd/CPU"},
    {ThreadKind::kIrq, "irq", "irq/N-NAME", "the threaded half of one interrupt handler, SCHED_FIFO 50 by default", ""},
    {ThreadKind::kKswapd, "kswapd", "kswapdNODE", "reclaims memory of one node when free pages run low", ""},
    {ThreadKind::kKcompactd, "kcompactd", "kcompactdNODE", "moves pages of one node together to free large blocks", ""},
    {ThreadKind::kKhugepaged, "khugepaged", "khugepaged", "collapses small pages into transparent huge pages", ""},
    {ThreadKind::kKsm, "ksm", "ksmd", "merges identical anonymous pages", ""},
    {ThreadKind::kOomReaper, "oom-reaper", "oom_reaper", "frees the memory of a task that the OOM killer chose", ""},
    {ThreadKind::kKhungtaskd, "khungtaskd", "khungtaskd", "looks every few minutes for tasks stuck in state D", ""},
    {ThreadKind::kWatchdog, "watchdog", "watchdogd, watchdog/CPU",
     "feeds hardware watchdogs, or checks a CPU for lockups", "watchdog/CPU (up to 4.18)"},
    {ThreadKind::kKdevtmpfs, "kdevtmpfs", "kdevtmpfs", "creates and removes device nodes in devtmpfs", ""},
    {ThreadKind::kKauditd, "kauditd", "kauditd", "hands audit records to the audit daemon", ""},
    {ThreadKind::kJbd2, "jbd2", "jbd2/DEV-8", "commits one ext4 journal on its timer or on request", "kjournald"},
    {ThreadKind::kXfs, "xfs", "xfsaild/DEV, xfs-*", "pushes one XFS log's items to disk", "xfssyncd, xfsbufd"},
    {ThreadKind::kBtrfs, "btrfs", "btrfs-cleaner, btrfs-transaction", "commits transactions and cleans one btrfs", ""},
    {ThreadKind::kNfsd, "nfsd", "nfsd, lockd", "serves NFS requests from the kernel", ""},
    {ThreadKind::kLoop, "loop", "loopN", "does the reads and writes behind one loop device", ""},
    {ThreadKind::kScsi, "scsi", "scsi_eh_HOST", "recovers one SCSI host from errors", ""},
    {ThreadKind::kMd, "md", "mdN_raidX, mdN_resync", "serves or rebuilds one software RAID", ""},
    {ThreadKind::kKthread, "kthread", "any", "a kernel thread of a driver or subsystem that is not in this list", ""},
}};

// A name that begins with `prefix`. With `number` the next character is a digit (a CPU, node or host). With `exact`
// nothing follows the prefix, or the number.
struct NameRule {
  std::string_view prefix;
  bool number;
  bool exact;
  ThreadKind kind;
};

// Names that only kernel threads carry by custom. Longer ones are cut as traces cut them; matching cuts the other side.
constexpr NameRule kCertainNames[] = {
    {"kthreadd", false, true, ThreadKind::kKthreadd},
    {"ksoftirqd/", true, true, ThreadKind::kKsoftirqd},
    {"kworker/R-", false, false, ThreadKind::kKworkerRescuer},
    {"kworker/dying", false, true, ThreadKind::kKworker},
    {"migration/", true, true, ThreadKind::kMigration},
    {"cpuhp/", true, true, ThreadKind::kCpuhp},
    {"idle_inject/", true, true, ThreadKind::kIdleInject},
    {"kidle_inject/", true, true, ThreadKind::kIdleInject},
    {"rcu_gp", false, true, ThreadKind::kKworkerRescuer},
    {"rcu_par_gp", false, true, ThreadKind::kKworkerRescuer},
    {"rcu_preempt", false, true, ThreadKind::kRcu},
    {"rcu_sched", false, true, ThreadKind::kRcu},
    {"rcu_bh", false, true, ThreadKind::kRcu},
    {"rcu_tasks_", false, false, ThreadKind::kRcu},
    {"rcu_exp_", false, false, ThreadKind::kRcu},
    {"rcuc/", true, true, ThreadKind::kRcu},
    {"rcub/", true, true, ThreadKind::kRcu},
    {"rcuog/", true, true, ThreadKind::kRcu},
    {"rcuop/", true, true, ThreadKind::kRcu},
    {"rcuos/", true, true, ThreadKind::kRcu},
    {"rcuob/", true, true, ThreadKind::kRcu},
    {"ktimers/", true, true, ThreadKind::kKtimers},
    {"irq/", true, false, ThreadKind::kIrq},
    {"kswapd", true, true, ThreadKind::kKswapd},
    {"kcompactd", true, true, ThreadKind::kKcompactd},
    {"khugepaged", false, true, ThreadKind::kKhugepaged},
    {"ksmd", false, true, ThreadKind::kKsm},
    {"oom_reaper", false, true, ThreadKind::kOomReaper},
    {"khungtaskd", false, true, ThreadKind::kKhungtaskd},
    {"watchdogd", false, true, ThreadKind::kWatchdog},
    {"watchdog/", true, true, ThreadKind::kWatchdog},
    {"kdevtmpfs", false, true, ThreadKind::kKdevtmpfs},
    {"kauditd", false, true, ThreadKind::kKauditd},
    {"jbd2/", false, false, ThreadKind::kJbd2},
    {"xfsaild/", false, false, ThreadKind::kXfs},
    {"btrfs-cleaner", false, true, ThreadKind::kBtrfs},
    {"btrfs-transaction", false, true, ThreadKind::kBtrfs},
    {"nfsd", false, true, ThreadKind::kNfsd},
    {"scsi_eh_", true, true, ThreadKind::kScsi},
    {"kblockd", false, true, ThreadKind::kKworkerRescuer},
    {"kthrotld", false, true, ThreadKind::kKworkerRescuer},
    {"kintegrityd", false, true, ThreadKind::kKworkerRescuer},
    {"mm_percpu_wq", false, true, ThreadKind::kKworkerRescuer},
    {"slub_flushwq", false, true, ThreadKind::kKworkerRescuer},
    {"inet_frag_wq", false, true, ThreadKind::kKworkerRescuer},
    {"blkcg_punt_bio", false, true, ThreadKind::kKworkerRescuer},
    {"ext4-rsv-conversion", false, true, ThreadKind::kKworkerRescuer},
    {"pool_workqueue_release", false, true, ThreadKind::kKthread},
    {"kdamond.", true, true, ThreadKind::kKthread},
    {"psimon", false, true, ThreadKind::kKthread},
    {"ext4lazyinit", false, true, ThreadKind::kKthread},
};

// Names that a program may well carry too: believed only of a task that is known to be a kernel thread.
constexpr NameRule kKthreadNames[] = {
    {"loop", true, true, ThreadKind::kLoop},
    {"lockd", false, true, ThreadKind::kNfsd},
    {"xfs-", false, false, ThreadKind::kXfs},
    {"xfs_", false, false, ThreadKind::kKworkerRescuer},
    {"xfsalloc", false, true, ThreadKind::kKworkerRescuer},
    {"btrfs-", false, false, ThreadKind::kBtrfs},
    {"writeback", false, true, ThreadKind::kKworkerRescuer},
    {"netns", false, true, ThreadKind::kKworkerRescuer},
    {"cryptd", false, true, ThreadKind::kKworkerRescuer},
    {"mld", false, true, ThreadKind::kKworkerRescuer},
    {"ipv6_addrconf", false, true, ThreadKind::kKworkerRescuer},
    {"kstrp", false, true, ThreadKind::kKworkerRescuer},
    {"ata_sff", false, true, ThreadKind::kKworkerRescuer},
    {"scsi_tmf_", true, true, ThreadKind::kKworkerRescuer},
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes a run of digits off the front.
bool TakeNumber(std::string_view* text) {
  size_t digits = 0;
  while (digits < text->size() && IsDigit((*text)[digits])) ++digits;
  text->remove_prefix(digits);
  return digits > 0;
}

bool Matches(const NameRule& rule, std::string_view comm) {
  // A trace's name ends at 15 characters, /proc's may go on.
  if (comm.size() == kCommLength && rule.prefix.size() > kCommLength) return comm == rule.prefix.substr(0, kCommLength);
  if (!comm.starts_with(rule.prefix)) return false;
  std::string_view rest = comm.substr(rule.prefix.size());
  if (rule.number && !TakeNumber(&rest)) return false;
  return !rule.exact || rest.empty();
}

// kworker/CPU:ID[H] or kworker/uPOOL:ID[H], then in /proc "-queue" (idle since) or "+queue" (executing now). A name of
// full length may have been cut anywhere.
bool IsWorkerName(std::string_view comm) {
  constexpr std::string_view kPrefix = "kworker/";
  if (!comm.starts_with(kPrefix)) return false;
  const bool cut = comm.size() == kCommLength;
  std::string_view rest = comm.substr(kPrefix.size());
  if (rest.starts_with('u')) rest.remove_prefix(1);
  if (!TakeNumber(&rest)) return false;
  if (rest.empty()) return cut;
  if (!rest.starts_with(':')) return false;
  rest.remove_prefix(1);
  if (!TakeNumber(&rest)) return cut && rest.empty();
  if (rest.starts_with('H')) rest.remove_prefix(1);
  return rest.empty() || rest.starts_with('-') || rest.starts_with('+');
}

// mdN_raid1, mdN_resync, md127_raid10.
bool IsMdName(std::string_view comm) {
  if (!comm.starts_with("md")) return false;
  comm.remove_prefix(2);
  return TakeNumber(&comm) && comm.size() > 1 && comm.starts_with('_');
}

ThreadKind CertainKind(std::string_view comm) {
  if (IsWorkerName(comm)) return ThreadKind::kKworker;
  if (IsMdName(comm)) return ThreadKind::kMd;
  for (const NameRule& rule : kCertainNames) {
    if (Matches(rule, comm)) return rule.kind;
  }
  return ThreadKind::kUser;
}

}  // namespace

std::span<const ThreadKindInfo> ThreadKinds() { return kKinds; }

const ThreadKindInfo& Info(ThreadKind kind) {
  const auto index = static_cast<size_t>(kind);
  return kKinds[index < kKinds.size() ? index : static_cast<size_t>(ThreadKind::kKthread)];
}

std::string_view Name(KindSource source) {
  switch (source) {
    case KindSource::kInventory: return "inventory";
    case KindSource::kFork: return "fork";
    case KindSource::kName: return "name";
  }
  return "name";
}

ThreadKind KindOfKthread(int32_t pid, std::string_view comm) {
  if (pid == 0) return ThreadKind::kIdle;
  if (pid == 2) return ThreadKind::kKthreadd;
  if (const ThreadKind kind = CertainKind(comm); kind != ThreadKind::kUser) return kind;
  for (const NameRule& rule : kKthreadNames) {
    if (Matches(rule, comm)) return rule.kind;
  }
  return ThreadKind::kKthread;
}

ThreadKind KindFromInventory(int32_t pid, uint32_t flags, std::string_view comm) {
  if (pid == 0) return ThreadKind::kIdle;
  // PF_IO_WORKER and PF_USER_WORKER tasks belong to a process and lack this flag.
  if ((flags & kPfKthread) == 0) return ThreadKind::kUser;
  const ThreadKind kind = KindOfKthread(pid, comm);
  if ((flags & kPfWqWorker) == 0) return kind;
  // rescuer_thread() carries the flag as well; before 6.9 only its lack of a worker's name tells it apart.
  return kind == ThreadKind::kKworker ? kind : ThreadKind::kKworkerRescuer;
}

ThreadKind KindFromName(int32_t pid, std::string_view comm) {
  if (pid == 0) return ThreadKind::kIdle;
  if (pid == 2 && (comm.empty() || comm == "kthreadd")) return ThreadKind::kKthreadd;
  const ThreadKind kind = CertainKind(comm);
  return kind == ThreadKind::kKthreadd ? ThreadKind::kUser : kind;  // there is one, and its pid is 2
}

std::string_view OnceThreadOf(std::string_view work_function) {
  struct Former {
    std::string_view function, thread;
  };
  constexpr Former kFormer[] = {
      {"wb_workfn", "pdflush"},
      {"hub_event", "khubd"},
      {"call_usermodehelper_exec_work", "khelper"},
      {"blk_mq_run_work_fn", "kblockd"},
      {"blk_mq_requeue_work", "kblockd"},
  };
  for (const Former& former : kFormer) {
    if (former.function == work_function) return former.thread;
  }
  return {};
}

}  // namespace wakewatch
