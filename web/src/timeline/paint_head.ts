// Draws what is above the lanes: an overview of the whole recording with the view in it, a ruler, and the findings.
import { Confidence } from "../gen/wakewatch/v1/findings_pb";
import type { Engine } from "./engine";
import { kUses } from "./lanes";
import type { Palette } from "./palette";
import { decimalsFor, effectiveMode, timeText, zeroOf } from "./times";
import { tickStep, ticksOf, xOf } from "./view";

export const kOverviewPx = 32;
export const kRulerPx = 24;
export const kFindingsPx = 16;
export const kHeadPx = kOverviewPx + kRulerPx + kFindingsPx;
const kTickGapPx = 130;

export interface Head {
  context: CanvasRenderingContext2D;
  palette: Palette;
  left: number;
  width: number;
  overview: Overview;
}

/** Drawn once for a width, a theme and an end of the recording; then it is an image. */
export class Overview {
  private readonly canvas = document.createElement("canvas");
  private drawn: unknown[] = [];

  onto(engine: Engine, head: Head): void {
    const { palette, width, left } = head;
    const dpr = window.devicePixelRatio || 1;
    const wanted = [palette, width, dpr, engine.overview, engine.bounds.end];
    if (wanted.some((value, i) => value !== this.drawn[i])) {
      this.drawn = wanted;
      this.canvas.width = Math.round(width * dpr);
      this.canvas.height = Math.round(kOverviewPx * dpr);
      const context = this.canvas.getContext("2d", { alpha: false })!;
      context.setTransform(dpr, 0, 0, dpr, 0, 0);
      context.fillStyle = palette.paper;
      context.fillRect(0, 0, width, kOverviewPx);
      paintOverview(engine, context, palette, width);
    }
    head.context.drawImage(this.canvas, left, 0, width, kOverviewPx);
  }
}

export function paintHead(engine: Engine, head: Head): void {
  const { context, palette, left, width } = head;
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, left + width, kHeadPx);
  context.save();
  context.beginPath();
  context.rect(left, 0, width, kHeadPx);
  context.clip();
  head.overview.onto(engine, head);
  paintBox(engine, head);
  paintRuler(engine, head);
  paintFindings(engine, head);
  context.restore();
  context.font = `11px ${palette.font}`;
  context.fillStyle = palette.quiet;
  context.textBaseline = "middle";
  context.fillText("All CPUs", 4, kOverviewPx / 2);
  const words = { wall: "host's clock", trace: "trace time, s", start: "since start, s", mark: "since mark, s" };
  context.fillText(words[effectiveMode(engine.clock)], 4, kOverviewPx + kRulerPx / 2);
  context.fillText("Findings", 4, kOverviewPx + kRulerPx + kFindingsPx / 2);
}

const kBusy = kUses.indexOf("unknown"); // what is in front of it in the order is work

function paintOverview(engine: Engine, context: CanvasRenderingContext2D, palette: Palette, width: number): void {
  const { overview, bounds } = engine;
  context.fillStyle = palette.sheet;
  context.fillRect(0, 2, width, kOverviewPx - 4);
  const place = (ns: number) => xOf(bounds, width, ns);
  const lanes = [...(overview?.lanes.values() ?? [])];
  const high = kOverviewPx - 4;
  if (overview !== undefined && overview.binNs > 0) {
    const bins = lanes[0]?.busiest.length ?? 0;
    for (let i = 0; i < bins; i++) {
      let busy = 0;
      let unknown = 0;
      for (const lane of lanes) {
        for (let use = 0; use < kBusy; use++) busy += lane.uses[i * kUses.length + use] ?? 0;
        unknown += lane.uses[i * kUses.length + kBusy] ?? 0;
      }
      const whole = overview.binNs * lanes.length;
      const x = Math.round(place(overview.start + i * overview.binNs));
      const right = Math.round(place(overview.start + (i + 1) * overview.binNs));
      context.fillStyle = palette.accent;
      context.fillRect(x, 2 + high * (1 - busy / whole), right - x, high * (busy / whole));
      context.fillStyle = palette.uses.unknown;
      context.fillRect(x, 2, right - x, high * (unknown / whole));
    }
  } else {
    context.fillStyle = palette.accent;
    for (const lane of lanes) {
      lane.slices.pid.forEach((pid, i) => {
        const x = place(lane.slices.from[i]!);
        if (pid !== 0) context.fillRect(x, kOverviewPx / 2 - 3, Math.max(1, place(lane.slices.to[i]!) - x), 6);
      });
    }
  }
  context.fillStyle = palette.gap.wide;
  for (const lane of lanes)
    lane.gaps.from.forEach((from, i) => {
      const x = place(from);
      context.fillRect(x, kOverviewPx - 8, Math.max(2, place(lane.gaps.to[i]!) - x), 6);
    });
}

function paintBox({ view, bounds }: Engine, { context, palette, left, width }: Head): void {
  const from = Math.max(left, left + xOf(bounds, width, view.start));
  const to = Math.min(left + width, Math.max(left + xOf(bounds, width, view.end), from + 3));
  context.globalAlpha = 0.55;
  context.fillStyle = palette.paper;
  context.fillRect(left, 1, from - left, kOverviewPx - 2);
  context.fillRect(to, 1, left + width - to, kOverviewPx - 2);
  context.globalAlpha = 1;
  context.strokeStyle = palette.ink;
  context.lineWidth = 1.5;
  context.strokeRect(from + 0.5, 1.5, Math.max(2, to - from - 1), kOverviewPx - 3);
}

function paintRuler(engine: Engine, { context, palette, left, width }: Head): void {
  const { view, clock, range, mark, pointer } = engine;
  const y = kOverviewPx;
  context.fillStyle = palette.sheet;
  context.fillRect(left, y, width, kRulerPx);
  if (range !== undefined) {
    const from = xOf(view, width, range.from);
    context.globalAlpha = 0.3;
    context.fillStyle = palette.accent;
    context.fillRect(left + from, y, xOf(view, width, range.to) - from, kRulerPx);
    context.globalAlpha = 1;
  }
  const step = tickStep(view, width, kTickGapPx);
  const decimals = decimalsFor(step);
  context.font = `11px ${palette.font}`;
  context.textBaseline = "middle";
  context.lineWidth = 1;
  for (const tick of ticksOf(view, step, zeroOf(clock))) {
    const x = Math.round(left + xOf(view, width, tick)) + 0.5;
    context.fillStyle = palette.line;
    context.fillRect(x, y, 1, kRulerPx);
    const text = timeText(clock, tick, decimals);
    if (x + 4 + context.measureText(text).width > left + width) continue; // a part of a time is another time
    context.fillStyle = palette.ink;
    context.fillText(text, x + 4, y + kRulerPx / 2);
  }
  if (mark !== undefined) paintFlag(context, left + xOf(view, width, mark), y, palette);
  if (pointer !== undefined && pointer >= view.start && pointer <= view.end) {
    context.fillStyle = palette.quiet;
    context.fillRect(left + xOf(view, width, pointer), y, 1, kRulerPx);
  }
}

function paintFlag(context: CanvasRenderingContext2D, x: number, y: number, palette: Palette): void {
  context.fillStyle = palette.bad;
  context.fillRect(x - 0.75, y, 1.5, kRulerPx + kFindingsPx);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + 10, y + 4);
  context.lineTo(x, y + 8);
  context.fill();
}

/** Where a finding's mark is, so that a click finds it. */
export function findingX(engine: Engine, i: number, width: number): number {
  return xOf(engine.view, width, engine.findingSpans.from[i]!);
}

function paintFindings(engine: Engine, head: Head): void {
  const { context, palette, left, width } = head;
  const y = kOverviewPx + kRulerPx;
  context.fillStyle = palette.line;
  context.fillRect(left, y + kFindingsPx - 1, width, 1);
  const taken = new Uint8Array(Math.ceil(width / kFindingPx) + 1);
  engine.findings.forEach((finding, i) => {
    const x = findingX(engine, i, width);
    const end = xOf(engine.view, width, engine.findingSpans.to[i]!);
    if (end < 0 || x > width) return;
    const chosen = engine.selected?.kind === "finding" && engine.selected.finding.id === finding.id;
    const at = Math.floor(Math.max(0, x) / kFindingPx);
    const hidden = taken[at] === 1 && !chosen;
    taken[at] = 1;
    if (!hidden) paintFinding(head, finding.confidence, left + Math.max(0, x), left + Math.min(width, end), y, chosen);
  });
}

const kFindingPx = 9; // nearer ones hide behind the surest and the worst of them

const toneOf = (confidence: Confidence, { bad, warn, note }: Palette) =>
  confidence === Confidence.PROVEN ? bad : confidence === Confidence.STRONG ? warn : note;

/** As everywhere: a disc is proven, a half one strong, a ring suspicious; the bar is how long it waited. */
function paintFinding(
  { context, palette }: Head,
  confidence: Confidence,
  x: number,
  end: number,
  y: number,
  chosen: boolean,
) {
  const tone = toneOf(confidence, palette);
  context.fillStyle = tone;
  context.strokeStyle = chosen ? palette.ink : tone;
  context.lineWidth = chosen ? 2 : 1.4;
  context.globalAlpha = chosen ? 1 : 0.5;
  context.fillRect(x, y + 10, Math.max(1, end - x), 3);
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(x + 4, y + 6, 3.6, 0, 7);
  context.fillStyle = palette.paper;
  context.fill();
  context.stroke();
  context.fillStyle = chosen ? palette.ink : tone;
  if (confidence === Confidence.SUSPICIOUS) return;
  context.beginPath();
  if (confidence === Confidence.PROVEN) context.arc(x + 4, y + 6, 3.6, 0, 7);
  else context.arc(x + 4, y + 6, 3.6, -Math.PI / 2, Math.PI / 2);
  context.fill();
}
