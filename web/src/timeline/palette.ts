// Colours and patterns for drawing, out of the style sheet's variables. Nothing is told by a colour alone: each use and each
// state has a pattern or a height of its own too.
import { TaskState, TimelineWork } from "../gen/wakewatch/v1/analysis_pb";
import { readColours } from "../parts/colours";
import type { Texture } from "./bins";
import { kUses, type Use } from "./lanes";

export type Paint = string | CanvasPattern;
type Pattern = "plain" | "diagonal" | "dots" | "lines" | "cross" | "back" | "columns";

/** What is too narrow for a pattern to be seen has a colour, which costs a fraction. */
export interface Shade {
  wide: Paint;
  narrow: string;
}
const kPatternFromPx = 3;
export const paintFor = ({ wide, narrow }: Shade, widthPx: number) => (widthPx < kPatternFromPx ? narrow : wide);

export interface Palette {
  ink: string;
  quiet: string;
  paper: string;
  sheet: string;
  line: string;
  accent: string;
  link: string;
  band: string;
  bad: string;
  warn: string;
  note: string;
  font: string;
  uses: Record<Use, Paint>;
  textures: Texture[]; // of the uses, by kUses
  states: Record<TaskState, Shade>;
  works: Record<TimelineWork, Shade>;
  tasks: string[];
  gap: Shade;
  excess: Paint;
  dpr: number;
}

const kTasks = 8;
const kTilePx = 8;

const kUsePatterns: Record<Use, Pattern> = {
  fair: "plain",
  real_time: "diagonal",
  softirq: "dots",
  hardirq: "lines",
  unknown: "cross",
  idle: "plain",
};
const kStates: Record<TaskState, [string, Pattern]> = {
  [TaskState.UNSPECIFIED]: ["--tl-unknown", "cross"],
  [TaskState.RUNNING]: ["--tl-running", "plain"],
  [TaskState.RUNNABLE]: ["--tl-runnable", "dots"],
  [TaskState.PREEMPTED]: ["--tl-preempted", "diagonal"],
  [TaskState.SLEEPING]: ["--tl-sleeping", "plain"],
  [TaskState.BLOCKED]: ["--tl-blocked", "columns"],
  [TaskState.ENDED]: ["--tl-sleeping", "lines"],
  [TaskState.OTHER]: ["--tl-sleeping", "back"],
};
const kWorks: Record<TimelineWork, [string, Pattern]> = {
  [TimelineWork.UNSPECIFIED]: ["--tl-unknown", "cross"],
  [TimelineWork.HARDIRQ]: ["--tl-hardirq", "lines"],
  [TimelineWork.SOFTIRQ]: ["--tl-softirq", "dots"],
  [TimelineWork.WORK]: ["--tl-work", "plain"],
  [TimelineWork.TIMER]: ["--tl-timer", "columns"],
};

const kPlain = [
  "ink",
  "quiet",
  "paper",
  "sheet",
  "line",
  "accent",
  "link",
  "band",
  "bad",
  "warn",
  "note",
  "tl-stroke",
  "tl-gap",
];
const useName = (use: Use) => `--tl-${use.replace("_", "-")}`;
const taskName = (i: number) => `--tl-task-${i}`;
const kNames: readonly string[] = [
  ...kPlain.map((name) => `--${name}`),
  ...kUses.map(useName),
  ...[...Object.values(kStates), ...Object.values(kWorks)].map(([name]) => name),
  ...Array.from({ length: kTasks }, (_, i) => taskName(i)),
];

export function readPalette(of: Element, dpr: number): Palette {
  const read = readColours(kNames);
  const color = (name: string) => read[name]!;
  const record = <K extends number>(of: Record<K, [string, Pattern]>) =>
    Object.fromEntries(
      Object.entries<[string, Pattern]>(of).map(([key, [name, pattern]]): [string, Shade] => [
        key,
        { wide: patternOf(color(name), color("--tl-stroke"), pattern, dpr), narrow: color(name) },
      ]),
    ) as Record<K, Shade>;
  return {
    ink: color("--ink"),
    quiet: color("--quiet"),
    paper: color("--paper"),
    sheet: color("--sheet"),
    line: color("--line"),
    accent: color("--accent"),
    link: color("--link"),
    band: color("--band"),
    bad: color("--bad"),
    warn: color("--warn"),
    note: color("--note"),
    font: getComputedStyle(of).fontFamily,
    uses: Object.fromEntries(
      kUses.map((use) => [use, patternOf(color(useName(use)), color("--tl-stroke"), kUsePatterns[use], dpr)]),
    ) as Record<Use, Paint>,
    textures: kUses.map((use) => textureOf(tileOf(color(useName(use)), color("--tl-stroke"), kUsePatterns[use], dpr))),
    states: record(kStates),
    works: record(kWorks),
    tasks: Array.from({ length: kTasks }, (_, i) => color(taskName(i))),
    gap: { wide: patternOf(color("--band"), color("--tl-gap"), "cross", dpr), narrow: color("--tl-gap") },
    excess: patternOf("transparent", color("--ink"), "back", dpr),
    dpr,
  };
}

/** The same task has the same colour everywhere; others may have it too. */
export const taskColor = (palette: Palette, pid: number) => palette.tasks[((pid * 2654435761) % kTasks) >>> 0]!;

function patternOf(base: string, stroke: string, pattern: Pattern, dpr: number): Paint {
  if (pattern === "plain") return base;
  const tile = tileOf(base, stroke, pattern, dpr);
  const made = tile.getContext("2d")!.createPattern(tile, "repeat");
  if (made === null) return base;
  // The canvas is scaled for the screen's pixels; the tile has them already.
  made.setTransform(new DOMMatrix().scale(kTilePx / tile.width));
  return made;
}

function tileOf(base: string, stroke: string, pattern: Pattern, dpr: number): HTMLCanvasElement {
  const tile = document.createElement("canvas");
  const size = kTilePx * Math.max(1, Math.round(dpr));
  tile.width = size;
  tile.height = size;
  const context = tile.getContext("2d")!;
  context.scale(size / kTilePx, size / kTilePx);
  if (base !== "transparent") {
    context.fillStyle = base;
    context.fillRect(0, 0, kTilePx, kTilePx);
  }
  context.strokeStyle = stroke;
  context.fillStyle = stroke;
  context.lineWidth = 1.2;
  drawPattern(context, pattern);
  return tile;
}

function textureOf(tile: HTMLCanvasElement): Texture {
  const { data } = tile.getContext("2d")!.getImageData(0, 0, tile.width, tile.height);
  return { size: tile.width, pixels: new Uint32Array(data.buffer) };
}

function drawPattern(context: CanvasRenderingContext2D, pattern: Pattern): void {
  if (pattern === "plain") return;
  const p = kTilePx;
  const lines: [number, number, number, number][] = [];
  if (pattern === "diagonal" || pattern === "cross")
    lines.push([-2, p + 2, p + 2, -2], [-2, 2, 2, -2], [p - 2, p + 2, p + 2, p - 2]);
  if (pattern === "back" || pattern === "cross")
    lines.push([-2, -2, p + 2, p + 2], [-2, p - 2, 2, p + 2], [p - 2, -2, p + 2, 2]);
  if (pattern === "lines") lines.push([0, 1.5, p, 1.5], [0, 5.5, p, 5.5]);
  if (pattern === "columns") lines.push([2, 0, 2, p], [6, 0, 6, p]);
  context.beginPath();
  for (const [x1, y1, x2, y2] of lines) {
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
  }
  context.stroke();
  if (pattern !== "dots") return;
  for (const [x, y] of [
    [2, 2],
    [6, 6],
  ]) {
    context.beginPath();
    context.arc(x!, y!, 1.1, 0, 7);
    context.fill();
  }
}
