import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GetHeatMapResponseSchema } from "../gen/wakewatch/v1/analysis_pb";
import { boundsOf, columnsWithGaps, highestCount, niceStep, ordered, shadeOf, sumOf, usedRows } from "./heat_map";

const map = create(GetHeatMapResponseSchema, {
  startNs: 1_000n,
  columnNs: 100n,
  columns: [
    { waits: 3n, counts: [0n, 2n, 1n], maxNs: 5_000n },
    { waits: 0n, counts: [], maxNs: 0n },
    { waits: 9n, counts: [0n, 0n, 0n, 9n], maxNs: 9_000n },
    { waits: 1n, counts: [0n, 1n], maxNs: 2_000n },
  ],
  gaps: [
    { cpu: 1, gaps: [{ startNs: 1_110n, endNs: 1_250n }] },
    { cpu: 2, gaps: [{ startNs: 10n, endNs: 900n }] },
  ],
});

it("draws the rows that hold something", () => {
  expect(usedRows(map)).toEqual({ first: 1, last: 3 });
  expect(usedRows(create(GetHeatMapResponseSchema, {}))).toBeUndefined();
  expect(highestCount(map)).toBe(9);
});

describe("a shade", () => {
  it("of nothing is none, of one is seen, of the most is full", () => {
    expect(shadeOf(0n, 1000)).toBe(0);
    expect(shadeOf(1n, 1_000_000)).toBe(0.4);
    expect(shadeOf(1_000n, 1_000)).toBe(1);
    expect(shadeOf(1n, 1)).toBe(1);
  });
});

it("a choice of columns is a span, both ways", () => {
  expect(ordered(3, 1)).toEqual({ first: 1, last: 3 });
  expect(boundsOf(map, { first: 1, last: 2 })).toEqual({ fromNs: 1_100n, toNs: 1_300n });
});

it("a gap of any CPU marks the columns that it touches, and no others", () => {
  expect(columnsWithGaps(map)).toEqual([false, true, true, false]);
});

it("a sum over columns has all their waits and the longest", () => {
  expect(sumOf(map, { first: 0, last: 1 })).toEqual({ waits: 3n, maxNs: 5_000n, gap: true });
  expect(sumOf(map, { first: 3, last: 3 })).toEqual({ waits: 1n, maxNs: 2_000n, gap: false });
});

it.each([
  [100, 10, 10],
  [100, 7, 20],
  [2_690_000_000, 8, 500_000_000],
])("%i in at most %i steps", (span, most, step) => expect(niceStep(span, most)).toBe(step));
