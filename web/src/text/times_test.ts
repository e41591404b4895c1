import { describe, expect, it } from "vitest";
import { ago, isoTime, offset, traceTime, wallTime } from "./times";

const kNow = new Date(2026, 10, 21, 14, 3, 7, 123).getTime();
const ns = (ms: number) => BigInt(ms) * 1_000_000n;

describe("wall time", () => {
  it("leaves the day away when it is today", () => expect(wallTime(ns(kNow), kNow)).toBe("14:03:07.123"));
  it("names another day", () => expect(wallTime(ns(kNow - 86_400_000), kNow)).toBe("2026-11-20 14:03:07.123"));
  it("does not make a date of an unknown", () => {
    expect(wallTime(0n, kNow)).toBe("not known");
    expect(isoTime(0n)).toBe("");
  });
  it("is UTC for machines", () => expect(isoTime(1_000_000_000_000_000_000n)).toBe("2001-09-09T01:46:40.000Z"));
});

describe("ago", () => {
  it.each<[number, string]>([
    [0, "just now"],
    [-60_000, "just now"],
    [1_999, "just now"],
    [12_500, "12 s ago"],
    [119_000, "119 s ago"],
    [180_000, "3 min ago"],
    [7_200_000, "2 h ago"],
    [432_000_000, "5 d ago"],
  ])("%d ms is %s", (ms, text) => expect(ago(ns(kNow - ms), kNow)).toBe(text));
  it("never", () => expect(ago(0n, kNow)).toBe("never"));
});

it("trace time keeps every nanosecond", () => {
  expect(traceTime(12_345_000_000_007n)).toBe("12345.000000007");
  expect(traceTime(0n)).toBe("0.000000000");
});

it("an offset has its sign", () => {
  expect(offset(1_500n)).toBe("+1.50\u202fµs");
  expect(offset(-1_500n)).toBe("−1.50\u202fµs");
  expect(offset(0n)).toBe("+0\u202fns");
});
