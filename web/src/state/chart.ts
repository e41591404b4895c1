// A result as arrays that can be drawn.
import type { Chart, SqlRow } from "./sql";

export interface Drawn {
  x: number[];
  y: (number | null)[][]; // one array a series
  series: string[];
  /** Of a bar chart: what stands below each bar. */
  labels: string[] | undefined;
  /** How many rows are in it, and how many are left out because they hold no figure or there is no room. */
  used: number;
  leftOut: number;
}

const kBarsMax = 60;
const kBins = 60;

function numberOf(cell: SqlRow[number] | undefined): number | null {
  if (typeof cell === "bigint") return Number(cell);
  return typeof cell === "number" && Number.isFinite(cell) ? cell : null;
}

export function draw(chart: Chart, columns: readonly string[], rows: readonly SqlRow[]): Drawn | undefined {
  const y = chart.y.filter((name) => columns.includes(name));
  if (y.length === 0) return undefined;
  const of = y.map((name) => columns.indexOf(name));
  if (chart.kind === "histogram") return histogram(y[0]!, of[0]!, rows);
  return chart.kind === "bar" ? bars(chart, columns, rows, y, of) : lines(chart, columns, rows, y, of);
}

function lines(
  chart: Chart,
  columns: readonly string[],
  rows: readonly SqlRow[],
  series: string[],
  of: number[],
): Drawn {
  const at = columns.indexOf(chart.x);
  const points = rows
    .map((row, i) => ({ x: at < 0 ? i + 1 : numberOf(row[at]), row }))
    .filter((point): point is { x: number; row: SqlRow } => point.x !== null)
    .sort((a, b) => a.x - b.x);
  return {
    x: points.map(({ x }) => x),
    y: of.map((column) => points.map(({ row }) => numberOf(row[column]))),
    series,
    labels: undefined,
    used: points.length,
    leftOut: rows.length - points.length,
  };
}

function bars(
  chart: Chart,
  columns: readonly string[],
  rows: readonly SqlRow[],
  series: string[],
  of: number[],
): Drawn {
  const at = columns.indexOf(chart.x);
  const shown = rows.slice(0, kBarsMax);
  return {
    x: shown.map((_, i) => i),
    y: of.map((column) => shown.map((row) => numberOf(row[column]))),
    series,
    labels: shown.map((row, i) => (at < 0 ? String(i + 1) : String(row[at] ?? "NULL"))),
    used: shown.length,
    leftOut: rows.length - shown.length,
  };
}

/** Of equal widths, or of equal ratios where the values lie decades apart, as latencies do. */
function histogram(name: string, column: number, rows: readonly SqlRow[]): Drawn {
  const values = rows.map((row) => numberOf(row[column])).filter((value) => value !== null);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const positive = low > 0 && high / low > 50;
  const [from, to] = positive ? [Math.log10(low), Math.log10(high)] : [low, high];
  const bins = from === to ? 1 : kBins;
  const step = (to - from) / bins || 1;
  const counts = new Array<number>(values.length === 0 ? 0 : bins).fill(0);
  for (const value of values) {
    const at = Math.floor(((positive ? Math.log10(value) : value) - from) / step);
    counts[Math.min(bins - 1, Math.max(0, at))]!++;
  }
  const edge = (i: number) => (positive ? 10 ** (from + i * step) : from + i * step);
  return {
    x: counts.map((_, i) => i),
    y: [counts],
    series: [`rows by ${name}`],
    labels: counts.map((_, i) => String(Math.round(edge(i)))),
    used: values.length,
    leftOut: rows.length - values.length,
  };
}
