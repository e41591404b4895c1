// What the server told of lanes, packed for drawing: numbers in arrays, times of the page, nothing to be made per frame.
import type {
  GetTimelineDetailResponse,
  GetTimelineResponse,
  ListWaitsResponse,
  TaskState,
  TimelineLane,
  TimelineWakeup,
  TimelineWork,
  Wait,
} from "../gen/wakewatch/v1/analysis_pb";

/** The uses of a CPU, in the order in which a bin is stacked from below. */
export const kUses = ["fair", "real_time", "softirq", "hardirq", "unknown", "idle"] as const;
export type Use = (typeof kUses)[number];
export const kUseNames: Record<Use, string> = {
  fair: "fair tasks",
  real_time: "real-time tasks",
  softirq: "softirqs",
  hardirq: "hardirqs",
  unknown: "unknown",
  idle: "idle",
};

/** Spans of one lane, by start; `from[i]` < `to[i]`. */
export interface Spans {
  from: Float64Array;
  to: Float64Array;
}

export interface CpuLane {
  cpu: number;
  /** 0: there are slices. */
  binNs: number;
  firstBin: number; // its start
  uses: Float64Array; // ns, six a bin, by kUses
  busiest: Int32Array;
  switches: Uint32Array;
  slices: Spans & { pid: Int32Array; comm: string[]; after: string[] };
  gaps: Spans;
}
export interface CpuTile {
  lanes: Map<number, CpuLane>;
  start: number; // of what was told, which may be more than was asked for
  end: number;
  binNs: number;
}

const relative = (ns: bigint, originNs: bigint) => Number(ns - originNs);

function spansOf(list: readonly { startNs: bigint; endNs: bigint }[], originNs: bigint): Spans {
  const from = new Float64Array(list.length);
  const to = new Float64Array(list.length);
  list.forEach(({ startNs, endNs }, i) => {
    from[i] = relative(startNs, originNs);
    to[i] = relative(endNs, originNs);
  });
  return { from, to };
}

export function packCpus(answer: GetTimelineResponse, originNs: bigint): CpuTile {
  const binNs = Number(answer.binNs);
  const start = relative(answer.startNs, originNs);
  const lanes = new Map(answer.lanes.map((lane) => [lane.cpu, packCpu(lane, binNs, start, originNs)]));
  return { lanes, start, end: relative(answer.endNs, originNs), binNs };
}

function packCpu(lane: TimelineLane, binNs: number, start: number, originNs: bigint): CpuLane {
  const { bins, slices } = lane;
  const uses = new Float64Array(bins.length * kUses.length);
  const busiest = new Int32Array(bins.length);
  const switches = new Uint32Array(bins.length);
  bins.forEach((bin, i) => {
    const at = i * kUses.length;
    uses[at] = Number(bin.fairNs);
    uses[at + 1] = Number(bin.realTimeNs);
    uses[at + 2] = Number(bin.softirqNs);
    uses[at + 3] = Number(bin.hardirqNs);
    uses[at + 4] = Number(bin.unknownNs);
    uses[at + 5] = Number(bin.idleNs);
    busiest[i] = bin.busiestPid;
    switches[i] = bin.switches;
  });
  return {
    cpu: lane.cpu,
    binNs,
    firstBin: start,
    uses,
    busiest,
    switches,
    slices: {
      ...spansOf(slices, originNs),
      pid: Int32Array.from(slices, ({ pid }) => pid),
      comm: slices.map(({ comm }) => comm),
      after: slices.map(({ stateAfter }) => stateAfter),
    },
    gaps: spansOf(lane.gaps, originNs),
  };
}

/** Beside and within tasks. `depth` 0 is the outermost of what ran at a time. */
export interface Activities extends Spans {
  work: TimelineWork[];
  name: string[];
  pid: Int32Array;
  depth: Uint8Array;
  startSeen: boolean[];
  endSeen: boolean[];
}
export interface StateSpans extends Spans {
  state: TaskState[];
  cpu: Int32Array;
}
export interface Wakeup {
  from: number; // sched_waking, or else sched_wakeup
  to: number; // sched_wakeup, or else sched_waking
  message: TimelineWakeup;
}
export interface DetailTile {
  activities: Map<number, Activities>; // by CPU
  wakeups: Wakeup[]; // by `from`
  states: Map<number, StateSpans>; // by pid
  comms: Map<number, string>;
  tooMany: { activities: boolean; wakeups: boolean; spans: boolean };
}

export const kDepthMax = 3;

export function packDetail(answer: GetTimelineDetailResponse, originNs: bigint): DetailTile {
  const byCpu = new Map<number, typeof answer.activities>();
  for (const one of answer.activities) {
    const list = byCpu.get(one.cpu);
    if (list === undefined) byCpu.set(one.cpu, [one]);
    else list.push(one);
  }
  const activities = new Map<number, Activities>();
  for (const [cpu, list] of byCpu) {
    const spans = spansOf(list, originNs);
    activities.set(cpu, {
      ...spans,
      work: list.map(({ work }) => work),
      name: list.map(({ name }) => name),
      pid: Int32Array.from(list, ({ pid }) => pid),
      depth: depthsOf(spans),
      startSeen: list.map(({ startSeen }) => startSeen),
      endSeen: list.map(({ endSeen }) => endSeen),
    });
  }
  const wakeups = answer.wakeups.map((message) => ({
    from: relative(message.wakingNs || message.wakeupNs, originNs),
    to: relative(message.wakeupNs || message.wakingNs, originNs),
    message,
  }));
  const states = new Map(
    answer.lanes.map((lane) => [
      lane.pid,
      {
        ...spansOf(lane.spans, originNs),
        state: lane.spans.map(({ state }) => state),
        cpu: Int32Array.from(lane.spans, ({ cpu }) => cpu),
      },
    ]),
  );
  return {
    activities,
    wakeups: wakeups.sort((a, b) => a.from - b.from),
    states,
    comms: new Map(answer.lanes.map(({ pid, comm }) => [pid, comm])),
    tooMany: {
      activities: answer.activitiesTooMany,
      wakeups: answer.wakeupsTooMany,
      spans: answer.spansTooMany,
    },
  };
}

/** How many of the earlier ones each lies in, at most kDepthMax - 1. By start. */
export function depthsOf({ from, to }: Spans): Uint8Array {
  const depths = new Uint8Array(from.length);
  const open: number[] = [];
  for (let i = 0; i < from.length; i++) {
    while (open.length > 0 && open.at(-1)! <= from[i]!) open.pop();
    depths[i] = Math.min(open.length, kDepthMax - 1);
    open.push(to[i]!);
  }
  return depths;
}

export interface WaitSpan {
  from: number; // it could have run from here on
  to: number;
  excess: number; // ns
  message: Wait;
}
export type WaitTile = { byPid: Map<number, WaitSpan[]>; total: number; listed: number };

export function packWaits(answer: ListWaitsResponse, originNs: bigint): WaitTile {
  const byPid = new Map<number, WaitSpan[]>();
  for (const message of answer.waits) {
    const span = {
      from: relative(message.startNs, originNs),
      to: relative(message.endNs, originNs),
      excess: Number(message.excessNs),
      message,
    };
    const list = byPid.get(message.pid);
    if (list === undefined) byPid.set(message.pid, [span]);
    else list.push(span);
  }
  for (const list of byPid.values()) list.sort((a, b) => a.from - b.from);
  return { byPid, total: Number(answer.waitsTotal), listed: answer.waits.length };
}

/** The index of the last that begins at or before `at`; -1: none does. */
export function lastAt(from: ArrayLike<number>, at: number): number {
  let low = 0;
  let high = from.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (from[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The index of the first that may be seen from `at` on, of spans that do not overlap. */
export function firstFrom({ from, to }: Spans, at: number): number {
  const i = lastAt(from, at);
  return i >= 0 && to[i]! > at ? i : i + 1;
}
