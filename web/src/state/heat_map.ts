// A heat map's answer as cells to draw, and spans to choose.
import type { GetHeatMapResponse } from "../gen/wakewatch/v1/analysis_pb";

/** Which rows hold anything; the others above and below them are not drawn. */
export function usedRows({ columns }: GetHeatMapResponse): { first: number; last: number } | undefined {
  let first = Infinity;
  let last = -1;
  for (const { counts } of columns) {
    counts.forEach((count, row) => {
      if (count === 0n) return;
      first = Math.min(first, row);
      last = Math.max(last, row);
    });
  }
  return last < 0 ? undefined : { first, last };
}

export function highestCount({ columns }: GetHeatMapResponse): number {
  return columns.reduce((most, { counts }) => counts.reduce((m, n) => Math.max(m, Number(n)), most), 0);
}

/** 0 for nothing, else from 0.4 to 1: a single wait must be seen beside thousands, on a dark page too. */
export function shadeOf(count: bigint, highest: number): number {
  if (count <= 0n) return 0;
  if (highest <= 1) return 1;
  return 0.4 + (0.6 * Math.log(Number(count))) / Math.log(highest);
}

export interface Range {
  first: number;
  last: number; // inclusive
}

export const ordered = (a: number, b: number): Range => ({ first: Math.min(a, b), last: Math.max(a, b) });

export function boundsOf(map: GetHeatMapResponse, { first, last }: Range): { fromNs: bigint; toNs: bigint } {
  return {
    fromNs: map.startNs + BigInt(first) * map.columnNs,
    toNs: map.startNs + BigInt(last + 1) * map.columnNs,
  };
}

/** Columns that a gap of some CPU touches: what they show is a part. */
export function columnsWithGaps(map: GetHeatMapResponse): boolean[] {
  const touched = new Array<boolean>(map.columns.length).fill(false);
  if (map.columnNs === 0n) return touched;
  const columnOf = (ns: bigint) => Number((ns - map.startNs) / map.columnNs);
  for (const { gaps } of map.gaps) {
    for (const { startNs, endNs } of gaps) {
      if (endNs < map.startNs) continue;
      const from = Math.max(0, startNs < map.startNs ? 0 : columnOf(startNs));
      for (let i = from; i <= Math.min(touched.length - 1, columnOf(endNs)); i++) touched[i] = true;
    }
  }
  return touched;
}

export interface ColumnSum {
  waits: bigint;
  maxNs: bigint;
  gap: boolean;
}

export function sumOf(map: GetHeatMapResponse, { first, last }: Range): ColumnSum {
  const gaps = columnsWithGaps(map);
  const sum: ColumnSum = { waits: 0n, maxNs: 0n, gap: false };
  for (let i = first; i <= last; i++) {
    const column = map.columns[i];
    if (column === undefined) continue;
    sum.waits += column.waits;
    if (column.maxNs > sum.maxNs) sum.maxNs = column.maxNs;
    sum.gap ||= gaps[i]!;
  }
  return sum;
}

/** Steps of 1, 2 or 5 that put at most `most` marks on a span. */
export function niceStep(spanNs: number, most: number): number {
  const least = spanNs / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least) ?? 10 * power;
}
