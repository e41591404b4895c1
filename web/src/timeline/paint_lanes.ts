// Draws one lane each. Nothing is made here per thing drawn, and what would fall onto the pixel of the thing before is not
// drawn again.
import { TaskState } from "../gen/wakewatch/v1/analysis_pb";
import { visible } from "../text/visible";
import { spanAt, type ShownActivities, type ShownCpu, type ShownStates } from "./assemble";
import { composeBins, type BinPicture } from "./bins";
import { firstFrom, kDepthMax, type Spans, type WaitSpan } from "./lanes";
import { kCpuPx, kThreadPx } from "./layout";
import { paintFor, taskColor, type Paint, type Palette } from "./palette";
import type { View } from "./view";

export interface Surface {
  context: CanvasRenderingContext2D;
  palette: Palette;
  bins: BinPicture;
  view: View;
  left: number; // where the view's start is
  width: number; // of the view, px
}

const kLabelFromPx = 26;
const kSliceCharPx = 6.4;
export const kSlicePx = 22;
export const kActivityPx = (kCpuPx - kSlicePx) / kDepthMax;
const kStackPx = kCpuPx - 4;

const scaleOf = ({ view, width }: Surface) => width / (view.end - view.start);

function eachSpan(surface: Surface, spans: Spans, draw: (i: number, x: number, width: number) => void): void {
  const { view, left, width } = surface;
  const scale = scaleOf(surface);
  let drawnTo = -1;
  for (let i = firstFrom(spans, view.start); i < spans.from.length && spans.from[i]! < view.end; i++) {
    const x = Math.max(0, (spans.from[i]! - view.start) * scale);
    const end = Math.min(width, (spans.to[i]! - view.start) * scale);
    // One pixel is all that there is for several: the first of them has it.
    if (end <= drawnTo) continue;
    drawnTo = Math.max(end, Math.floor(x) + 1);
    draw(i, left + x, Math.max(1, end - x));
  }
}

export function paintCpu(surface: Surface, y: number, shown: ShownCpu, nested: ShownActivities | undefined): void {
  if (shown.runs.length > 0) paintBins(surface, y, shown.runs);
  paintSlices(surface, y, shown);
  if (nested !== undefined) paintActivities(surface, y + kSlicePx, nested);
  paintGaps(surface, y, kCpuPx, shown.gaps);
}

function paintBins({ context, palette, bins, view, left, width }: Surface, y: number, runs: ShownCpu["runs"]): void {
  const { dpr, textures } = palette;
  const frame = {
    left: Math.round(left * dpr),
    top: Math.round(y * dpr),
    width: Math.round(width * dpr),
    height: Math.round(kStackPx * dpr),
  };
  bins.draw(context, frame, (out) => {
    for (const { lane, from, to } of runs) composeBins(out, frame, view, lane, from, to, textures);
  });
}

function paintSlices(surface: Surface, y: number, { slices }: ShownCpu): void {
  const { context, palette } = surface;
  context.font = `11px ${palette.font}`;
  context.textBaseline = "middle";
  eachSpan(surface, slices, (i, x, width) => {
    const pid = slices.pid[i]!;
    if (pid === 0) {
      context.fillStyle = palette.line;
      context.fillRect(x, y + kSlicePx - 5, width, 2);
      return;
    }
    context.fillStyle = taskColor(palette, pid);
    context.fillRect(x, y + 1, width, kSlicePx - 3);
    if (width > 3) {
      context.fillStyle = palette.quiet;
      context.fillRect(x, y + 1, 1, kSlicePx - 3);
    }
    if (width >= kLabelFromPx) label(surface, slices.comm[i]!, x + 4, y + kSlicePx / 2, width - 6);
  });
}

function label({ context, palette }: Surface, text: string, x: number, y: number, room: number): void {
  const characters = Math.floor(room / kSliceCharPx);
  if (characters < 2) return;
  const whole = visible(text);
  context.fillStyle = palette.ink;
  context.fillText(whole.length > characters ? `${whole.slice(0, characters - 1)}…` : whole, x, y);
}

function paintActivities(surface: Surface, y: number, shown: ShownActivities): void {
  const { context, palette, view, left, width } = surface;
  const scale = scaleOf(surface);
  context.font = `9px ${palette.font}`;
  const drawnTo = [-1, -1, -1];
  for (let i = 0; i < shown.from.length; i++) {
    if (shown.to[i]! <= view.start) continue;
    if (shown.from[i]! >= view.end) break;
    const x = Math.max(0, (shown.from[i]! - view.start) * scale);
    const end = Math.min(width, (shown.to[i]! - view.start) * scale);
    const depth = shown.depth[i]!;
    if (end <= drawnTo[depth]!) continue;
    drawnTo[depth] = Math.max(end, Math.floor(x) + 1);
    const shade = palette.works[shown.work[i] as keyof Palette["works"]];
    context.fillStyle = shade === undefined ? palette.quiet : paintFor(shade, end - x);
    context.fillRect(left + x, y + depth * kActivityPx, Math.max(1, end - x), kActivityPx - 1);
  }
}

/** A band through the whole lane: nothing is known of this time. One too short to be a band is a tick at its foot. */
function paintGaps(surface: Surface, y: number, height: number, gaps: Spans): void {
  const { context, palette } = surface;
  const ticks = new Ticks();
  context.fillStyle = palette.gap.wide;
  eachSpan(surface, gaps, (_, x, width) => {
    if (width >= kGapBandPx) context.fillRect(x, y, width, height);
    else ticks.add(x, x + width);
  });
  paintTicks(surface, y + height - kGapTickPx, ticks);
}
const kGapBandPx = 3;
const kGapTickPx = 5;

/** Pixels that something is to be drawn at, each once. */
export class Ticks {
  private runs: number[] = []; // from, to, from, to …

  /** Two pixels at least: one is easily missed. */
  add(from: number, to: number): void {
    const start = Math.round(from);
    const end = Math.max(start + 2, Math.round(to));
    const last = this.runs.length - 1;
    if (last < 0 || start > this.runs[last]! || start < this.runs[last - 1]!) this.runs.push(start, end);
    else this.runs[last] = Math.max(this.runs[last]!, end);
  }

  each(draw: (from: number, to: number) => void): void {
    for (let i = 0; i < this.runs.length; i += 2) draw(this.runs[i]!, this.runs[i + 1]!);
  }

  /** Those of all, in order and without overlaps. */
  static union(all: readonly Ticks[]): Ticks {
    const runs: [number, number][] = [];
    for (const one of all) one.each((from, to) => runs.push([from, to]));
    runs.sort(([a], [b]) => a - b);
    const made = new Ticks();
    for (const [from, to] of runs) made.add(from, to);
    return made;
  }
}

/** Where nothing is known of one of the CPUs. */
export function unknownOf(surface: Surface, gaps: readonly Spans[]): Ticks {
  return Ticks.union(
    gaps.map((one) => {
      const ticks = new Ticks();
      eachSpan(surface, one, (_, x, width) => ticks.add(x, x + width));
      return ticks;
    }),
  );
}

function paintTicks({ context, palette }: Surface, y: number, ticks: Ticks): void {
  ticks.each((from, to) => {
    context.fillStyle = paintFor(palette.gap, to - from);
    context.fillRect(from, y, to - from, kGapTickPx);
  });
}

const kThin: Partial<Record<TaskState, true>> = {
  [TaskState.SLEEPING]: true,
  [TaskState.BLOCKED]: true,
  [TaskState.ENDED]: true,
  [TaskState.OTHER]: true,
};

export function paintThread(
  surface: Surface,
  y: number,
  states: ShownStates,
  waits: readonly WaitSpan[],
  unknown: Ticks, // of the CPUs in sight: what they hide of the thread nobody knows
  cpuWord: (cpu: number) => string,
): void {
  const { context, palette } = surface;
  context.font = `11px ${palette.font}`;
  context.textBaseline = "middle";
  eachSpan(surface, states, (i, x, width) => {
    const state = states.state[i]!;
    const shade = palette.states[state];
    context.fillStyle = shade === undefined ? palette.quiet : paintFor(shade, width);
    if (kThin[state]) context.fillRect(x, y + kThreadPx - 10, width, 6);
    else context.fillRect(x, y + 3, width, kThreadPx - 7);
    if (state === TaskState.RUNNING && width >= kLabelFromPx + 14)
      label(surface, cpuWord(states.cpu[i]!), x + 4, y + kThreadPx / 2, width - 6);
  });
  paintWaits(surface, y, waits, states);
  paintTicks(surface, y + kThreadPx - kGapTickPx, unknown);
}

/** Excess is hatched at the end of the wait; where states are drawn already, nothing else of it is. */
function paintWaits(surface: Surface, y: number, waits: readonly WaitSpan[], states: ShownStates): void {
  const { palette, view } = surface;
  const last = { wait: -1, excess: -1 };
  const hatched = () => palette.excess;
  for (const wait of waits) {
    if (wait.to <= view.start || wait.from >= view.end) continue;
    const state = wait.message.wait === "preempted" ? TaskState.PREEMPTED : TaskState.RUNNABLE;
    const shade = (widthPx: number) => paintFor(palette.states[state], widthPx);
    if (spanAt(states, wait.from) < 0) last.wait = fill(surface, wait.from, wait.to, y, shade, last.wait);
    if (wait.excess > 0) last.excess = fill(surface, wait.to - wait.excess, wait.to, y, hatched, last.excess);
  }
}

/** Nothing where it would fall onto `drawnTo`, the pixel of the one before; returns which pixel is drawn to now. */
function fill(
  surface: Surface,
  from: number,
  to: number,
  y: number,
  paint: (widthPx: number) => Paint,
  drawnTo: number,
): number {
  const { context, view, left, width } = surface;
  const scale = scaleOf(surface);
  const x = Math.max(0, (from - view.start) * scale);
  const end = Math.min(width, (to - view.start) * scale);
  if (end <= 0 || x >= width || end <= drawnTo) return drawnTo;
  context.fillStyle = paint(end - x);
  context.fillRect(left + x, y + 3, Math.max(1.5, end - x), kThreadPx - 7);
  return Math.max(end, Math.floor(x) + 1);
}
