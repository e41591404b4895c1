// One lane out of the tiles that cover a view. What a tile's edge cut in two is one again. Done when tiles come or the view
// meets others, not when it moves.
import type { TaskState } from "../gen/wakewatch/v1/analysis_pb";
import { lastAt, type Activities, type CpuLane, type Spans, type StateSpans, type Wakeup } from "./lanes";
import type { Piece } from "./tiles";

export interface Run {
  lane: CpuLane; // that has bins
  from: number;
  to: number;
}
export interface ShownCpu {
  cpu: number;
  runs: Run[];
  slices: Spans & { pid: number[]; comm: string[]; after: string[] };
  gaps: Spans;
}
export interface ShownActivities extends Spans {
  work: number[];
  name: string[];
  pid: number[];
  depth: number[];
  startSeen: boolean[];
  endSeen: boolean[];
}
export interface ShownStates extends Spans {
  state: TaskState[];
  cpu: number[];
}

/** What the tiles cover: a span that reaches an end of it may go on behind. */
export function extentOf(pieces: readonly Piece<unknown>[]): { start: number; end: number } {
  return { start: pieces[0]?.from ?? 0, end: pieces.at(-1)?.to ?? 0 };
}

const typed = (from: number[], to: number[]): Spans => ({ from: Float64Array.from(from), to: Float64Array.from(to) });

/** Calls `take` with the indices of spans that lie in a piece, and their ends cut to it. */
function cut(spans: Spans, piece: Piece<unknown>, take: (i: number, from: number, to: number) => void): void {
  for (let i = 0; i < spans.from.length; i++) {
    const from = Math.max(spans.from[i]!, piece.from);
    const to = Math.min(spans.to[i]!, piece.to);
    if (from < to) take(i, from, to);
  }
}

export function assembleCpu(cpu: number, pieces: readonly Piece<CpuLane>[]): ShownCpu {
  const runs: Run[] = [];
  const [from, to, pid, comm, after]: [number[], number[], number[], string[], string[]] = [[], [], [], [], []];
  const gaps: { from: number[]; to: number[] } = { from: [], to: [] };
  for (const piece of pieces) {
    const lane = piece.value;
    if (lane.binNs > 0) runs.push({ lane, from: piece.from, to: piece.to });
    cut(lane.slices, piece, (i, start, end) => {
      const last = from.length - 1;
      // The task goes on behind the edge.
      if (last >= 0 && to[last] === start && start === piece.from && pid[last] === lane.slices.pid[i]) {
        to[last] = end;
        after[last] = lane.slices.after[i]!;
        return;
      }
      from.push(start);
      to.push(end);
      pid.push(lane.slices.pid[i]!);
      comm.push(lane.slices.comm[i]!);
      after.push(end < lane.slices.to[i]! ? "" : lane.slices.after[i]!);
    });
    cut(lane.gaps, piece, (_, start, end) => {
      if (gaps.to.at(-1) === start) gaps.to[gaps.to.length - 1] = end;
      else {
        gaps.from.push(start);
        gaps.to.push(end);
      }
    });
  }
  return { cpu, runs, slices: { ...typed(from, to), pid, comm, after }, gaps: typed(gaps.from, gaps.to) };
}

export function assembleActivities(pieces: readonly Piece<Activities>[]): ShownActivities {
  const [from, to]: [number[], number[]] = [[], []];
  const shown = {
    work: [] as number[],
    name: [] as string[],
    pid: [] as number[],
    depth: [] as number[],
    startSeen: [] as boolean[],
    endSeen: [] as boolean[],
  };
  for (const { value, ...piece } of pieces) {
    const before = from.length;
    cut(value, { ...piece, value: null }, (i, start, end) => {
      if (!value.startSeen[i] && start === piece.from) {
        const same = (at: number) =>
          to[at] === start && shown.work[at] === value.work[i] && shown.name[at] === value.name[i];
        for (let at = before - 1; at >= 0; at--) {
          if (!same(at)) continue;
          to[at] = end;
          shown.endSeen[at] = value.endSeen[i]!;
          return;
        }
      }
      from.push(start);
      to.push(end);
      shown.work.push(value.work[i]!);
      shown.name.push(value.name[i]!);
      shown.pid.push(value.pid[i]!);
      shown.depth.push(value.depth[i]!);
      shown.startSeen.push(value.startSeen[i]! && start === value.from[i]);
      shown.endSeen.push(value.endSeen[i]! && end === value.to[i]);
    });
  }
  return { ...typed(from, to), ...shown };
}

export function assembleStates(pieces: readonly Piece<StateSpans>[]): ShownStates {
  const [from, to, state, cpu]: [number[], number[], TaskState[], number[]] = [[], [], [], []];
  for (const piece of pieces) {
    cut(piece.value, piece, (i, start, end) => {
      const last = from.length - 1;
      const goesOn = last >= 0 && to[last] === start && start === piece.from;
      if (goesOn && state[last] === piece.value.state[i] && cpu[last] === piece.value.cpu[i]) {
        to[last] = end;
        return;
      }
      from.push(start);
      to.push(end);
      state.push(piece.value.state[i]!);
      cpu.push(piece.value.cpu[i]!);
    });
  }
  return { ...typed(from, to), state, cpu };
}

const identity = ({ message }: Wakeup) => `${message.pid} ${message.wakingNs} ${message.wakeupNs}`;

/** Each once, though the blocks of its waker's and its target's CPU may both tell it. */
export function assembleWakeups(pieces: readonly Piece<Wakeup[]>[]): Wakeup[] {
  const found = new Map<string, Wakeup>();
  for (const { value, from, to } of pieces) {
    for (const one of value) {
      if (one.to >= from && one.from < to) found.set(identity(one), one);
    }
  }
  return [...found.values()].sort((a, b) => a.from - b.from);
}

/** Which wait began at or before a time and was not over; the last of them. */
export function spanAt(spans: Spans, at: number): number {
  const i = lastAt(spans.from, at);
  return i >= 0 && spans.to[i]! > at ? i : -1;
}
