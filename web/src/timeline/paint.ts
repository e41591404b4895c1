// Draws the lanes in view, arrows from waker to woken, and what is chosen.
import { visible } from "../text/visible";
import type { Engine } from "./engine";
import type { Item } from "./items";
import { lastAt, type Wakeup } from "./lanes";
import { inSight, kCpuPx, kThreadPx, sameLane, type Lane } from "./layout";
import type { BinPicture } from "./bins";
import { kActivityPx, kSlicePx, paintCpu, paintThread, unknownOf, type Surface } from "./paint_lanes";
import type { Palette } from "./palette";
import { tickStep, ticksOf, xOf } from "./view";
import { zeroOf } from "./times";

export const kLeftPx = 132;
const kArrowsMax = 150; // more cannot be told apart; then only those of chosen tasks are drawn

const kArrowGapPx = 5; // nearer ones would be a block of ink

export interface Arrow {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  wakeup: Wakeup;
}

export function paintLanes(
  engine: Engine,
  context: CanvasRenderingContext2D,
  palette: Palette,
  bins: BinPicture,
): Arrow[] {
  const { width, height, top, layout } = engine;
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, kLeftPx + width, height);
  const surface: Surface = { context, palette, bins, view: engine.view, left: kLeftPx, width };
  context.save();
  context.beginPath();
  context.rect(kLeftPx, 0, width, height);
  context.clip();
  paintGrid(engine, surface);
  const seen = inSight(layout, top, height);
  const anyThread = seen.some(({ kind }) => kind === "thread");
  const gaps = seen.flatMap((lane) => (anyThread && lane.kind === "cpu" ? [engine.scene.cpu(lane.cpu).gaps] : []));
  const unknown = unknownOf(surface, gaps);
  for (const lane of seen) {
    const y = lane.y - top;
    if (lane.kind === "cpu") {
      paintCpu(surface, y, engine.scene.cpu(lane.cpu), engine.scene.activities(lane.cpu));
    } else {
      const { scene } = engine;
      paintThread(surface, y, scene.statesOf(lane.pid), scene.waitsOf(lane.pid), unknown, (cpu) => `CPU ${cpu}`);
    }
    context.fillStyle = palette.line;
    context.fillRect(kLeftPx, y + lane.height + 1, width, 1);
  }
  const arrows = arrowsOf(engine);
  paintArrows(context, palette, arrows, engine.selected);
  paintBands(engine, surface);
  paintChosen(engine, surface);
  context.restore();
  for (const lane of seen) paintLabel(engine, context, palette, lane);
  return arrows;
}

function paintGrid(engine: Engine, { context, palette, view, width }: Surface): void {
  context.fillStyle = palette.line;
  context.globalAlpha = 0.6;
  for (const tick of ticksOf(view, tickStep(view, width, 130), zeroOf(engine.clock)))
    context.fillRect(Math.round(kLeftPx + xOf(view, width, tick)), 0, 1, engine.height);
  context.globalAlpha = 1;
}

/** In the font that is set. */
function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let kept = text.length - 1;
  while (kept > 1 && context.measureText(`${text.slice(0, kept)}…`).width > width) kept--;
  return `${text.slice(0, kept)}…`;
}

function paintLabel(engine: Engine, context: CanvasRenderingContext2D, palette: Palette, lane: Lane): void {
  const y = lane.y - engine.top;
  const chosen = sameLane(lane, engine.selectedLane);
  context.fillStyle = chosen ? palette.accent : palette.sheet;
  context.fillRect(0, y, chosen ? 3 : 0, lane.height);
  context.textBaseline = "middle";
  context.fillStyle = palette.ink;
  context.font = `${chosen ? "600 " : ""}12px ${palette.font}`;
  if (lane.kind === "cpu") {
    context.fillText(`CPU ${lane.cpu}`, 8, y + lane.height / 2);
    return;
  }
  const name = visible(engine.nameOf(lane.pid) || "thread");
  context.fillText(fitted(context, name, kLeftPx - 12), 8, y + 9);
  context.fillStyle = palette.quiet;
  context.font = `11px ${palette.font}`;
  context.fillText(`PID ${lane.pid}`, 8, y + 22);
}

/** Of all wakeups in view, or, where there are too many, those of pinned and chosen tasks. */
function arrowsOf(engine: Engine): Arrow[] {
  const { view, width, top } = engine;
  const wakeups = engine.scene.wakeups();
  const first = firstAfter(wakeups, view.start);
  let last = first;
  while (last < wakeups.length && wakeups[last]!.from < view.end) last++;
  const chosen = engine.selectedPid();
  const matters = ({ message }: Wakeup) =>
    engine.pins.includes(message.pid) ||
    engine.pins.includes(message.wakerPid) ||
    message.pid === chosen ||
    message.wakerPid === chosen;
  const all = last - first <= kArrowsMax;
  const arrows: Arrow[] = [];
  const drawn = new Map<number, number>(); // where the last of a pair of lanes was drawn
  for (let i = Math.max(0, first - 8); i < last && arrows.length < kArrowsMax * 2; i++) {
    const wakeup = wakeups[i]!;
    if (wakeup.to < view.start || (!all && !matters(wakeup))) continue;
    const y1 = anchorOf(engine, wakeup.message.wakerPid, wakeup.message.wakerCpu);
    const y2 = anchorOf(engine, wakeup.message.pid, wakeup.message.targetCpu);
    if (y1 === undefined || y2 === undefined) continue;
    const x1 = kLeftPx + xOf(view, width, wakeup.from);
    const lanes = y1 * 65_536 + y2;
    const own = engine.selected?.kind === "wakeup" && engine.selected.wakeup === wakeup.message;
    if (!own && x1 - (drawn.get(lanes) ?? -kArrowGapPx) < kArrowGapPx) continue;
    drawn.set(lanes, x1);
    arrows.push({
      x1,
      y1: y1 - top,
      x2: kLeftPx + xOf(view, width, wakeup.to),
      y2: y2 - top,
      wakeup,
    });
  }
  return arrows;
}

function firstAfter(wakeups: readonly Wakeup[], at: number): number {
  let low = 0;
  let high = wakeups.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (wakeups[middle]!.from < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The middle of a task's lane, or of the CPU's. */
function anchorOf(engine: Engine, pid: number, cpu: number): number | undefined {
  let of: Lane | undefined;
  for (const lane of engine.layout.lanes) {
    if (lane.kind === "thread" && lane.pid === pid) return lane.y + kThreadPx / 2;
    if (lane.kind === "cpu" && lane.cpu === cpu) of = lane;
  }
  return of && of.y + kSlicePx / 2;
}

function paintArrows(
  context: CanvasRenderingContext2D,
  palette: Palette,
  arrows: readonly Arrow[],
  selected: Item | undefined,
): void {
  context.lineWidth = 1;
  context.strokeStyle = palette.ink;
  context.fillStyle = palette.ink;
  const chosen = selected?.kind === "wakeup" ? selected.wakeup : undefined;
  context.globalAlpha = 0.55;
  paintTogether(
    context,
    arrows.filter(({ wakeup }) => wakeup.message !== chosen),
  );
  context.globalAlpha = 1;
  const own = arrows.find(({ wakeup }) => wakeup.message === chosen);
  if (own === undefined) return;
  context.lineWidth = 2.5;
  context.strokeStyle = palette.bad;
  context.fillStyle = palette.bad;
  paintTogether(context, [own]);
}

/** All shafts as one path and all ends as another: a path costs more than what is in it. */
function paintTogether(context: CanvasRenderingContext2D, arrows: readonly Arrow[]): void {
  context.beginPath();
  for (const { x1, y1, x2, y2 } of arrows) {
    if (Math.hypot(x2 - x1, y2 - y1) <= 1) continue;
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
  }
  context.stroke();
  context.beginPath();
  for (const arrow of arrows) addEnds(context, arrow);
  context.fill();
}

/** A disc and a head, both clockwise, so that where they overlap is no hole. */
function addEnds(context: CanvasRenderingContext2D, { x1, y1, x2, y2 }: Arrow): void {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [ux, uy] = y1 === y2 && x1 === x2 ? [0, 1] : [(x2 - x1) / length, (y2 - y1) / length];
  context.moveTo(x1 + 2, y1);
  context.arc(x1, y1, 2, 0, 2 * Math.PI);
  context.moveTo(x2, y2);
  context.lineTo(x2 - ux * 7 - uy * 3.5, y2 - uy * 7 + ux * 3.5);
  context.lineTo(x2 - ux * 7 + uy * 3.5, y2 - uy * 7 - ux * 3.5);
  context.closePath();
}

function paintBands(engine: Engine, { context, palette, view, width }: Surface): void {
  const { range, rangeFrom, mark, pointer, height } = engine;
  if (range !== undefined) {
    const from = kLeftPx + xOf(view, width, range.from);
    const to = kLeftPx + xOf(view, width, range.to);
    context.globalAlpha = 0.16;
    context.fillStyle = palette.accent;
    context.fillRect(from, 0, to - from, height);
    context.globalAlpha = 1;
    context.fillRect(from, 0, 1.5, height);
    context.fillRect(to - 1.5, 0, 1.5, height);
  }
  const line = (at: number, color: string, thick: number) => {
    context.fillStyle = color;
    context.fillRect(kLeftPx + xOf(view, width, at) - thick / 2, 0, thick, height);
  };
  if (rangeFrom !== undefined) line(rangeFrom, palette.accent, 2);
  if (mark !== undefined) line(mark, palette.bad, 1.5);
  if (pointer !== undefined) line(pointer, palette.quiet, 0.6);
}

function paintChosen(engine: Engine, { context, palette, view, width }: Surface): void {
  const item = engine.selected;
  if (item === undefined || item.kind === "wakeup") return;
  const x = kLeftPx + xOf(view, width, item.from);
  const to = kLeftPx + xOf(view, width, item.to);
  const lane = engine.layout.lanes.find((one) => sameLane(one, engine.selectedLane));
  const left = Math.max(kLeftPx - 4, x);
  const wide = Math.max(3, Math.min(kLeftPx + width + 4, to) - left);
  context.strokeStyle = palette.ink;
  context.lineWidth = 2;
  if (lane === undefined) {
    context.setLineDash([4, 3]);
    context.strokeRect(left, 1, wide, engine.height - 2);
    context.setLineDash([]);
    return;
  }
  const { y, height } = boxOf(engine, item, lane);
  context.strokeRect(left, y - engine.top, wide, height);
}

function boxOf(engine: Engine, item: Item, lane: Lane): { y: number; height: number } {
  if (item.kind === "slice") return { y: lane.y, height: kSlicePx - 1 };
  if (item.kind !== "activity") return { y: lane.y + 1, height: (lane.kind === "cpu" ? kCpuPx : kThreadPx) - 3 };
  const shown = engine.scene.activities(item.cpu);
  let depth = 0;
  for (let i = lastAt(shown.from, item.from); i >= 0 && shown.from[i] === item.from; i--)
    if (shown.to[i] === item.to) depth = shown.depth[i]!;
  return { y: lane.y + kSlicePx + depth * kActivityPx - 1, height: kActivityPx + 1 };
}
