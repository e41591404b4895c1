// What waits were spent on. The parts of a wait sum to its latency to the nanosecond, and where they do not, that is
// shown and not hidden.
import type { DelayBuckets } from "../gen/wakewatch/v1/analysis_pb";

type Key = Exclude<keyof DelayBuckets, "$typeName" | "$unknown">;

export interface BucketInfo {
  key: Key;
  /** As the server writes it: "idle_exit". */
  id: string;
  name: string;
  words: string;
}

/** In the order in which a wait meets them: first on the way to the run queue, then by who kept the CPU. */
export const kBuckets: readonly BucketInfo[] = [
  {
    key: "deliveryNs",
    id: "delivery",
    name: "Delivery",
    words: "sched_waking to sched_wakeup: wake list, interprocessor interrupt, the target's way out of idle",
  },
  { key: "idleExitNs", id: "idle_exit", name: "Idle exit", words: "the CPU was idle and had not yet switched" },
  { key: "hardirqNs", id: "hardirq", name: "Hard interrupt", words: "the CPU was inside an interrupt handler" },
  { key: "softirqNs", id: "softirq", name: "Softirq", words: "the CPU was inside a softirq's handler" },
  { key: "higherNs", id: "higher", name: "Higher rank", words: "a task of a higher rank was on the CPU" },
  { key: "equalNs", id: "equal", name: "Equal rank", words: "a task of the same rank was on the CPU" },
  { key: "lowerNs", id: "lower", name: "Lower rank", words: "a task of a lower rank was on the CPU" },
  {
    key: "migrationNs",
    id: "migration",
    name: "Migration",
    words: "the CPU's migration thread ran, or the CPU was idle after the task had been moved to it",
  },
  {
    key: "offNs",
    id: "off",
    name: "Not rescheduling",
    words: "the CPU did not reschedule: preemption or interrupts were off, or a hypervisor did not run it",
  },
  { key: "unexplainedNs", id: "unexplained", name: "Unexplained", words: "who was on the CPU is not known" },
];

export function bucketName(id: string): string {
  return kBuckets.find((one) => one.id === id)?.name ?? id;
}

export interface Part extends BucketInfo {
  ns: bigint;
}

export interface Split {
  parts: Part[]; // those that are not 0
  totalNs: bigint;
  /** What the parts are short of the whole; below 0: they exceed it. */
  missingNs: bigint;
}

/** Without a whole, the whole is what the parts sum to. */
export function splitOf(buckets: DelayBuckets | undefined, wholeNs?: bigint): Split {
  const all = kBuckets.map((info): Part => ({ ...info, ns: buckets?.[info.key] ?? 0n }));
  const totalNs = all.reduce((sum, { ns }) => sum + ns, 0n);
  return { parts: all.filter(({ ns }) => ns > 0n), totalNs, missingNs: (wholeNs ?? totalNs) - totalNs };
}

/** The parts of all of them together. */
export function sumOfSplits(splits: readonly Split[]): Split {
  const nsOf = new Map<Key, bigint>();
  for (const { parts } of splits) for (const { key, ns } of parts) nsOf.set(key, (nsOf.get(key) ?? 0n) + ns);
  return {
    parts: kBuckets.flatMap((info) => (nsOf.has(info.key) ? [{ ...info, ns: nsOf.get(info.key)! }] : [])),
    totalNs: splits.reduce((sum, { totalNs }) => sum + totalNs, 0n),
    missingNs: splits.reduce((sum, { missingNs }) => sum + missingNs, 0n),
  };
}

/** Each part as a column of an export; what is not known of them is no 0. */
export function bucketCells<R>(of: (row: R) => DelayBuckets | undefined) {
  return kBuckets.map(({ key, id }) => ({ name: `${id}_ns`, raw: (row: R): bigint | null => of(row)?.[key] ?? null }));
}
