// Things on the timeline that can be pointed at, stepped through and read out.
import type { Finding } from "../gen/wakewatch/v1/findings_pb";
import { TaskState, TimelineWork, type TimelineWakeup, type Wait } from "../gen/wakewatch/v1/analysis_pb";
import { duration, share } from "../text/units";
import { spanAt, type ShownActivities, type ShownCpu, type ShownStates } from "./assemble";
import { firstFrom, kUseNames, kUses, lastAt, type WaitSpan, type Wakeup } from "./lanes";

interface Extent {
  from: number;
  to: number;
}
export type Item = Extent &
  (
    | { kind: "slice"; cpu: number; pid: number; comm: string; after: string }
    | { kind: "bin"; cpu: number; uses: number[]; busiest: number; switches: number }
    | { kind: "gap"; cpu: number }
    | {
        kind: "activity";
        cpu: number;
        work: TimelineWork;
        name: string;
        pid: number;
        startSeen: boolean;
        endSeen: boolean;
      }
    | { kind: "state"; pid: number; comm: string; state: TaskState; cpu: number }
    | { kind: "wait"; pid: number; comm: string; wait: Wait }
    | { kind: "wakeup"; pid: number; wakeup: TimelineWakeup }
    | { kind: "finding"; pid: number; finding: Finding }
  );

export const kStateNames: Record<TaskState, string> = {
  [TaskState.UNSPECIFIED]: "unknown",
  [TaskState.RUNNING]: "running",
  [TaskState.RUNNABLE]: "runnable",
  [TaskState.PREEMPTED]: "preempted",
  [TaskState.SLEEPING]: "sleeping",
  [TaskState.BLOCKED]: "blocked",
  [TaskState.ENDED]: "ended",
  [TaskState.OTHER]: "stopped or parked",
};
export const kWorkNames: Record<TimelineWork, string> = {
  [TimelineWork.UNSPECIFIED]: "something",
  [TimelineWork.HARDIRQ]: "hardirq",
  [TimelineWork.SOFTIRQ]: "softirq",
  [TimelineWork.WORK]: "work",
  [TimelineWork.TIMER]: "timer",
};

function sliceOf({ cpu, slices }: ShownCpu, i: number): Item {
  return {
    kind: "slice",
    cpu,
    from: slices.from[i]!,
    to: slices.to[i]!,
    pid: slices.pid[i]!,
    comm: slices.comm[i]!,
    after: slices.after[i]!,
  };
}

function binOf(shown: ShownCpu, run: ShownCpu["runs"][number], i: number): Item {
  const { lane } = run;
  const at = i * kUses.length;
  const from = lane.firstBin + i * lane.binNs;
  return {
    kind: "bin",
    cpu: shown.cpu,
    from,
    to: from + lane.binNs,
    uses: Array.from(lane.uses.subarray(at, at + kUses.length)),
    busiest: lane.busiest[i]!,
    switches: lane.switches[i]!,
  };
}

/** All that is there from `from` to `to`, by time; at most `max`. */
export function cpuItems(shown: ShownCpu, from: number, to: number, max: number): Item[] {
  const items: Item[] = [];
  const { slices, gaps, runs } = shown;
  for (let i = firstFrom(slices, from); i < slices.from.length && slices.from[i]! < to; i++) {
    if (items.length >= max) break;
    items.push(sliceOf(shown, i));
  }
  for (const run of runs) {
    const { lane } = run;
    const low = Math.max(run.from, from);
    const first = Math.max(0, Math.floor((low - lane.firstBin) / lane.binNs));
    for (let i = first; i < lane.busiest.length && items.length < max; i++) {
      if (lane.firstBin + i * lane.binNs >= Math.min(run.to, to)) break;
      items.push(binOf(shown, run, i));
    }
  }
  for (let i = firstFrom(gaps, from); i < gaps.from.length && gaps.from[i]! < to && items.length < max; i++)
    items.push({ kind: "gap", cpu: shown.cpu, from: gaps.from[i]!, to: gaps.to[i]! });
  return items.sort((a, b) => a.from - b.from);
}

export function cpuItemAt(shown: ShownCpu, at: number): Item | undefined {
  const [item] = cpuItems(shown, at, at + 1, 4).filter(({ kind }) => kind !== "gap");
  return item ?? cpuItems(shown, at, at + 1, 4)[0];
}

export function activityAt(shown: ShownActivities, cpu: number, at: number, depth?: number): Item | undefined {
  let found = -1;
  for (let i = lastAt(shown.from, at); i >= 0 && i > lastAt(shown.from, at) - 64; i--) {
    if (shown.to[i]! <= at || (depth !== undefined && shown.depth[i] !== depth)) continue;
    found = i;
    break;
  }
  return found < 0 ? undefined : activityOf(shown, cpu, found);
}

export function activityOf(shown: ShownActivities, cpu: number, i: number): Item {
  return {
    kind: "activity",
    cpu,
    from: shown.from[i]!,
    to: shown.to[i]!,
    work: shown.work[i]!,
    name: shown.name[i]!,
    pid: shown.pid[i]!,
    startSeen: shown.startSeen[i]!,
    endSeen: shown.endSeen[i]!,
  };
}

/** Of a thread's lane: its states where they are known, else its waits. */
export function threadItems(
  pid: number,
  comm: string,
  states: ShownStates,
  waits: readonly WaitSpan[],
  from: number,
  to: number,
  max: number,
): Item[] {
  const items: Item[] = [];
  for (let i = firstFrom(states, from); i < states.from.length && states.from[i]! < to; i++) {
    if (items.length >= max) return items;
    items.push({
      kind: "state",
      pid,
      comm,
      from: states.from[i]!,
      to: states.to[i]!,
      state: states.state[i]!,
      cpu: states.cpu[i]!,
    });
  }
  for (const wait of waits) {
    if (wait.to <= from || wait.from >= to || items.length >= max || spanAt(states, wait.from) >= 0) continue;
    items.push(waitItem(wait));
  }
  return items.sort((a, b) => a.from - b.from);
}

export const waitItem = ({ from, to, message }: WaitSpan): Item => ({
  kind: "wait",
  from,
  to,
  pid: message.pid,
  comm: message.comm,
  wait: message,
});

export const wakeupItem = ({ from, to, message }: Wakeup): Extract<Item, { kind: "wakeup" }> => ({
  kind: "wakeup",
  from,
  to,
  pid: message.pid,
  wakeup: message,
});

/** The one that holds `at`, or else the nearest. By time. */
export function nearest(items: readonly Item[], at: number): Item | undefined {
  const holding = items.filter((item) => item.from <= at && item.to > at);
  if (holding.length > 0) return holding.at(-1);
  const distance = (item: Item) => Math.min(Math.abs(item.from - at), Math.abs(item.to - at));
  return items.reduce<Item | undefined>(
    (best, item) => (best === undefined || distance(item) < distance(best) ? item : best),
    undefined,
  );
}

/** The next or the one before, of a lane whose items do not overlap but for gaps. */
export function stepFrom(items: readonly Item[], current: Extent, by: 1 | -1): Item | undefined {
  if (by > 0) return items.find(({ from }) => from > current.from);
  return items.filter(({ from }) => from < current.from).at(-1);
}

/** Who a thing is about, to be pinned. */
export function pidOf(item: Item): number | undefined {
  const pid = item.kind === "bin" ? item.busiest : item.kind === "gap" ? 0 : item.pid;
  return pid > 0 ? pid : undefined;
}

/** A thing in one sentence, for a screen reader and the table. `task` makes hostile names harmless. */
export function titleOf(item: Item, task: (comm: string, pid: number) => string): string {
  switch (item.kind) {
    case "slice":
      return item.pid === 0 ? "idle" : task(item.comm, item.pid);
    case "bin": {
      const whole = item.uses.reduce((sum, ns) => sum + ns, 0);
      if (whole === 0) return "nothing is known";
      const parts = kUses.map((use, i) => ({ use, ns: item.uses[i]! })).filter(({ ns }) => ns > 0);
      return parts.map(({ use, ns }) => `${kUseNames[use]} ${share(ns, whole)}`).join(", ");
    }
    case "gap":
      return "lost events";
    case "activity":
      return `${kWorkNames[item.work]} ${task(item.name, -1)}`;
    case "state":
      return `${kStateNames[item.state]}${item.state === TaskState.RUNNING ? ` on CPU ${item.cpu}` : ""}`;
    case "wait":
      return `waited ${duration(item.to - item.from)}, ${duration(item.wait.excessNs)} of it excess`;
    case "wakeup": {
      const { comm, wakerPid, wakerComm, wakerContext } = item.wakeup;
      const waker = wakerPid > 0 ? task(wakerComm, wakerPid) : wakerContext || "something unknown";
      return `${task(comm, item.pid)} woken by ${waker}`;
    }
    case "finding":
      return `finding: ${task(item.finding.check, -1)}`;
  }
}
