// Draws one lane each. Nothing is made here per thing drawn, and what would fall onto the pixel of the thing before is not
// drawn again.
import { TaskState } from "../gen/wakewatch/v1/analysis_pb";
import { visible } from "../text/visible";
import { spanAt, type ShownActivities, type ShownCpu, type ShownStates } from "./assemble";
import { firstFrom, kDepthMax, kUses, type Spans, type WaitSpan } from "./lanes";
import { kCpuPx, kThreadPx } from "./layout";
import { taskColor, type Palette, type Paint } from "./palette";
import type { View } from "./view";

export interface Surface {
  context: CanvasRenderingContext2D;
  palette: Palette;
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
  for (const run of shown.runs) paintBins(surface, y, run);
  paintSlices(surface, y, shown);
  if (nested !== undefined) paintActivities(surface, y + kSlicePx, nested);
  paintGaps(surface, y, kCpuPx, shown.gaps);
}

function paintBins(surface: Surface, y: number, { lane, from, to }: ShownCpu["runs"][number]): void {
  const { context, palette, view, left, width } = surface;
  const scale = scaleOf(surface);
  const low = Math.max(from, view.start);
  const high = Math.min(to, view.end);
  const first = Math.max(0, Math.floor((low - lane.firstBin) / lane.binNs));
  const end = Math.min(lane.busiest.length, Math.ceil((high - lane.firstBin) / lane.binNs));
  const uses = kUses.length;
  const bottom = y + kStackPx;
  // One use after the other: a change of the paint costs more than the rectangles.
  for (let use = 0; use < uses - 1; use++) {
    context.fillStyle = palette.uses[kUses[use]!];
    for (let i = first; i < end; i++) {
      const ns = lane.uses[i * uses + use]!;
      if (ns === 0) continue;
      const start = lane.firstBin + i * lane.binNs;
      // Whole pixels: a seam between two bins would look like something.
      const x = Math.max(0, Math.round((Math.max(start, low) - view.start) * scale));
      const right = Math.min(width, Math.round((Math.min(start + lane.binNs, high) - view.start) * scale));
      if (right === x) continue;
      let below = 0;
      for (let under = 0; under < use; under++) below += lane.uses[i * uses + under]!;
      const height = (ns / lane.binNs) * kStackPx;
      context.fillRect(left + x, bottom - (below / lane.binNs) * kStackPx - height, right - x, height);
    }
  }
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
    context.fillStyle = palette.works[shown.work[i] as keyof Palette["works"]] ?? palette.quiet;
    context.fillRect(left + x, y + depth * kActivityPx, Math.max(1, end - x), kActivityPx - 1);
  }
}

/** A band through the whole lane: nothing is known of this time. One too short to be a band is a tick at its foot. */
export function paintGaps(surface: Surface, y: number, height: number, gaps: Spans): void {
  eachSpan(surface, gaps, (_, x, width) => {
    const band = width >= kGapBandPx;
    surface.context.fillStyle = surface.palette.gap;
    surface.context.fillRect(x, band ? y : y + height - kGapTickPx, Math.max(2, width), band ? height : kGapTickPx);
  });
}
const kGapBandPx = 3;
const kGapTickPx = 5;

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
  gaps: readonly Spans[], // of the CPUs in sight: what they hide of the thread nobody knows
  cpuWord: (cpu: number) => string,
): void {
  const { context, palette } = surface;
  context.font = `11px ${palette.font}`;
  context.textBaseline = "middle";
  eachSpan(surface, states, (i, x, width) => {
    const state = states.state[i]!;
    context.fillStyle = palette.states[state] ?? palette.quiet;
    if (kThin[state]) context.fillRect(x, y + kThreadPx - 10, width, 6);
    else context.fillRect(x, y + 3, width, kThreadPx - 7);
    if (state === TaskState.RUNNING && width >= kLabelFromPx + 14)
      label(surface, cpuWord(states.cpu[i]!), x + 4, y + kThreadPx / 2, width - 6);
  });
  paintWaits(surface, y, waits, states);
  for (const one of gaps) paintGaps(surface, y + kThreadPx - kGapTickPx, kGapTickPx, one);
}

/** Excess is hatched at the end of the wait; where states are drawn already, nothing else of it is. */
function paintWaits(surface: Surface, y: number, waits: readonly WaitSpan[], states: ShownStates): void {
  const { palette, view } = surface;
  for (const wait of waits) {
    if (wait.to <= view.start || wait.from >= view.end) continue;
    const state = wait.message.wait === "preempted" ? TaskState.PREEMPTED : TaskState.RUNNABLE;
    if (spanAt(states, wait.from) < 0) fill(surface, wait.from, wait.to, y + 3, kThreadPx - 7, palette.states[state]);
    if (wait.excess > 0) fill(surface, wait.to - wait.excess, wait.to, y + 3, kThreadPx - 7, palette.excess);
  }
}

function fill(surface: Surface, from: number, to: number, y: number, height: number, paint: Paint): void {
  const { context, view, left, width } = surface;
  const scale = scaleOf(surface);
  const x = Math.max(0, (from - view.start) * scale);
  const end = Math.min(width, (to - view.start) * scale);
  if (end <= 0 || x >= width) return;
  context.fillStyle = paint;
  context.fillRect(left + x, y, Math.max(1.5, end - x), height);
}
