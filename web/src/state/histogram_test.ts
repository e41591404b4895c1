import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { HistogramBucketSchema } from "../gen/wakewatch/v1/analysis_pb";
import { decades, logShare, toBars } from "./histogram";

const bucket = (lowNs: bigint, highNs: bigint, count: bigint) =>
  create(HistogramBucketSchema, { lowNs, highNs, count });

describe("toBars", () => {
  it("of nothing", () => {
    expect(toBars([])).toEqual({ bars: [], highest: 0, total: 0 });
    expect(toBars([bucket(1n, 2n, 0n)]).bars).toEqual([]);
  });
  it("loses no count, and leaves no hole between bars", () => {
    const buckets = Array.from({ length: 400 }, (_, i) => {
      const low = BigInt(Math.round(1000 * 1.03 ** i));
      return bucket(low, (low * 103n) / 100n, BigInt(i % 7));
    });
    const { bars, total, highest } = toBars(buckets);
    expect(total).toBe(buckets.reduce((sum, { count }) => sum + Number(count), 0));
    expect(highest).toBe(Math.max(...bars.map(({ count }) => count)));
    for (let i = 1; i < bars.length; i++) expect(bars[i]!.lowNs).toBeCloseTo(bars[i - 1]!.highNs, 3);
    expect(bars[0]!.count).toBeGreaterThan(0);
    expect(bars.at(-1)!.count).toBeGreaterThan(0);
  });
  it("puts each bucket where its middle is", () => {
    const { bars } = toBars([bucket(990n, 1010n, 3n), bucket(99_000n, 101_000n, 5n)]);
    const holding = bars.filter(({ count }) => count > 0);
    expect(holding.map(({ count }) => count)).toEqual([3, 5]);
    for (const [bar, ns] of [
      [holding[0]!, 1000],
      [holding[1]!, 100_000],
    ] as const) {
      expect(bar.lowNs).toBeLessThanOrEqual(ns);
      expect(bar.highNs).toBeGreaterThan(ns * 0.99);
    }
  });
  it("takes 0 ns and the end of the range", () => {
    const { bars, total } = toBars([bucket(0n, 0n, 1n), bucket(2n ** 63n, 2n ** 64n - 1n, 2n)]);
    expect(total).toBe(3);
    expect(bars.length).toBeLessThanOrEqual(120);
  });
});

it("decades reach the highest", () => {
  expect(decades(1)).toEqual([1]);
  expect(decades(10)).toEqual([1, 10]);
  expect(decades(11)).toEqual([1, 10, 100]);
});

it("a single event is seen and the highest fills the axis", () => {
  expect(logShare(0, 100)).toBe(0);
  expect(logShare(1, 100)).toBeGreaterThan(0.1);
  expect(logShare(100, 100)).toBe(1);
  expect(logShare(1, 1)).toBe(1);
});
