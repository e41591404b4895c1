// The picture of a heat map: time to the right, waits upwards by their length, darker where there are more.
import type { GetHeatMapResponse } from "../gen/wakewatch/v1/analysis_pb";
import { readColours } from "../parts/colours";
import { columnsWithGaps, highestCount, niceStep, shadeOf, usedRows, type Range } from "../state/heat_map";
import { duration } from "../text/units";

export const kLeftPx = 64;
const kRightPx = 12;
const kRowPx = 15;
const kBottomPx = 24;
const kGapPx = 8; // the band that tells of lost events
const kTopPx = 4;
const kLabelPx = 16; // half of what a time needs

export interface Layout {
  widthPx: number;
  heightPx: number;
  plotPx: number; // width of all columns
  rows: Range;
}

export function layoutOf(map: GetHeatMapResponse, widthPx: number): Layout {
  const rows = usedRows(map) ?? { first: 0, last: 0 };
  const heightPx = kTopPx + (rows.last - rows.first + 1) * kRowPx + kGapPx + kBottomPx;
  return { widthPx, heightPx, plotPx: Math.max(1, widthPx - kLeftPx - kRightPx), rows };
}

export function columnAt(map: GetHeatMapResponse, { plotPx }: Layout, xPx: number): number {
  const at = Math.floor(((xPx - kLeftPx) / plotPx) * map.columns.length);
  return Math.max(0, Math.min(map.columns.length - 1, at));
}

interface Colours {
  ink: string;
  line: string;
  cell: string;
  gap: string;
}

function colours(): Colours {
  const read = readColours(["--quiet", "--line", "--accent", "--bad"]);
  return { ink: read["--quiet"], line: read["--line"], cell: read["--accent"], gap: read["--bad"] };
}

export function paint(canvas: HTMLCanvasElement, map: GetHeatMapResponse, layout: Layout, chosen: Range | undefined) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(layout.widthPx * scale);
  canvas.height = Math.round(layout.heightPx * scale);
  const pen = canvas.getContext("2d");
  if (pen === null) return;
  pen.scale(scale, scale);
  pen.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  const paints = colours();
  axes(pen, map, layout, paints);
  cells(pen, map, layout, paints);
  gapBand(pen, map, layout, paints);
  if (chosen !== undefined) frame(pen, map, layout, chosen, paints);
}

const xOf = (column: number, map: GetHeatMapResponse, { plotPx }: Layout) =>
  kLeftPx + (plotPx * column) / Math.max(1, map.columns.length);
const yOf = (row: number, { rows }: Layout) => kTopPx + (rows.last - row) * kRowPx;
const plotBottom = (layout: Layout) => yOf(layout.rows.first, layout) + kRowPx;

function cells(pen: CanvasRenderingContext2D, map: GetHeatMapResponse, layout: Layout, { cell }: Colours) {
  const highest = highestCount(map);
  pen.fillStyle = cell;
  map.columns.forEach(({ counts }, column) => {
    const x = xOf(column, map, layout);
    const width = Math.max(1, xOf(column + 1, map, layout) - x);
    counts.forEach((count, row) => {
      if (count === 0n) return;
      pen.globalAlpha = shadeOf(count, highest);
      pen.fillRect(x, yOf(row, layout), width, kRowPx - 1);
    });
  });
  pen.globalAlpha = 1;
}

function axes(pen: CanvasRenderingContext2D, map: GetHeatMapResponse, layout: Layout, { ink, line }: Colours) {
  const { rows } = layout;
  const bottom = plotBottom(layout);
  pen.strokeStyle = line;
  pen.fillStyle = ink;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const every = rows.last - rows.first > 14 ? 2 : 1;
  for (let row = rows.first; row <= rows.last; row += every) {
    const y = yOf(row, layout) + kRowPx;
    pen.fillText(duration(map.rowLowNs[row] ?? 0n), kLeftPx - 6, y - 1);
    pen.beginPath();
    pen.moveTo(kLeftPx, y - 0.5);
    pen.lineTo(kLeftPx + layout.plotPx, y - 0.5);
    pen.stroke();
  }
  const spanNs = Number(map.columnNs) * map.columns.length;
  if (spanNs === 0) return;
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  const step = niceStep(spanNs, Math.floor(layout.plotPx / 110));
  const start = Number(map.startNs);
  const digits = Math.max(0, Math.ceil(-Math.log10(step / 1e9) - 1e-9));
  for (let at = Math.ceil(start / step) * step; at <= start + spanNs; at += step) {
    const x = kLeftPx + ((at - start) / spanNs) * layout.plotPx;
    pen.textAlign = x > kLeftPx + layout.plotPx - kLabelPx ? "right" : "center"; // the last stays in the picture
    pen.fillText(`${(at / 1e9).toFixed(digits)}\u202fs`, x, bottom + kGapPx + 15);
    pen.fillRect(x - 0.5, bottom + kGapPx, 1, 4);
  }
}

/** Hatched below the columns in which some CPU lost events: they show a part of what there was. */
function gapBand(pen: CanvasRenderingContext2D, map: GetHeatMapResponse, layout: Layout, { gap }: Colours) {
  const y = plotBottom(layout) + 1;
  pen.strokeStyle = gap;
  columnsWithGaps(map).forEach((touched, column) => {
    if (!touched) return;
    const x = xOf(column, map, layout);
    const width = Math.max(2, xOf(column + 1, map, layout) - x);
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width, kGapPx - 2);
    pen.clip();
    for (let at = x - kGapPx - (x % 4); at < x + width + kGapPx; at += 4) {
      pen.beginPath();
      pen.moveTo(at, y + kGapPx);
      pen.lineTo(at + kGapPx, y);
      pen.stroke();
    }
    pen.restore();
  });
}

function frame(
  pen: CanvasRenderingContext2D,
  map: GetHeatMapResponse,
  layout: Layout,
  { first, last }: Range,
  { ink }: Colours,
) {
  const x = xOf(first, map, layout);
  const width = Math.max(2, xOf(last + 1, map, layout) - x);
  pen.strokeStyle = ink;
  pen.lineWidth = 1.5;
  pen.strokeRect(x, 1, width, plotBottom(layout) - 1);
  pen.globalAlpha = 0.12;
  pen.fillStyle = ink;
  pen.fillRect(x, 1, width, plotBottom(layout) - 1);
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
}
