// What each kind of kernel thread is for, in the words of the server's own list (analysis/model/thread_kind.cc).

const kKinds: Record<string, string> = {
  user: "a task of user space",
  idle: "stands for an idle CPU; it is never woken, it runs when nothing else does",
  kthreadd: "forks every other kernel thread on request",
  ksoftirqd:
    "runs softirqs that were raised from task context or that came faster than interrupt exits could serve them",
  kworker: "executes queued work items of one worker pool; look at the work functions to see for whom",
  "kworker-rescuer": "executes one workqueue's items when memory is too short to create another worker",
  migration: "the stop class: takes a CPU from whatever runs there, to move tasks or to change code",
  cpuhp: "walks one CPU through the steps of coming online and going offline",
  "idle-inject": "forces a CPU idle to keep it cool",
  rcu: "drives grace periods and runs callbacks; long sleeps are normal",
  ktimers: "runs expired timers on real-time kernels",
  irq: "the threaded half of one interrupt handler, SCHED_FIFO 50 by default",
  kswapd: "reclaims memory of one node when free pages run low",
  kcompactd: "moves pages of one node together to free large blocks",
  khugepaged: "collapses small pages into transparent huge pages",
  ksm: "merges identical anonymous pages",
  "oom-reaper": "frees the memory of a task that the OOM killer chose",
  khungtaskd: "looks every few minutes for tasks stuck in state D",
  watchdog: "feeds hardware watchdogs, or checks a CPU for lockups",
  kdevtmpfs: "creates and removes device nodes in devtmpfs",
  kauditd: "hands audit records to the audit daemon",
  jbd2: "commits one ext4 journal on its timer or on request",
  xfs: "pushes one XFS log's items to disk",
  btrfs: "commits transactions and cleans one btrfs",
  nfsd: "serves NFS requests from the kernel",
  loop: "does the reads and writes behind one loop device",
  scsi: "recovers one SCSI host from errors",
  md: "serves or rebuilds one software RAID",
  kthread: "a kernel thread of a driver or subsystem that is not in this list",
};

/** Empty for a kind that this page does not know. */
export const purposeOf = (kind: string): string => (Object.hasOwn(kKinds, kind) ? kKinds[kind]! : "");

/** Of all threads that are no tasks of user space. */
export const kKernelKinds: readonly string[] = Object.keys(kKinds).filter((kind) => kind !== "user");
