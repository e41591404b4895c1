import { describe, expect, it } from "vitest";
import { decimalsFor, effectiveMode, timeText, timeWords, zeroOf, type Clock } from "./times";

const kClock: Clock = {
  originNs: 86_352_000_000_500n,
  originRealNs: BigInt(new Date(2026, 10, 21, 14, 3, 7).getTime()) * 1_000_000n + 42n,
  mode: "wall",
  mark: 2_000_000,
};

describe("times of a timeline", () => {
  it.each<[Partial<Clock>, number, number, string]>([
    [{}, 0, 9, "14:03:07.000000042"],
    [{}, 1_500_000_000, 3, "14:03:08.500"],
    [{}, 999_999_958, 0, "14:03:08"],
    [{ mode: "trace" }, 0, 9, "86352.000000500"],
    [{ mode: "start" }, 0, 3, "+0.000"],
    [{ mode: "start" }, -1, 9, "−0.000000001"],
    [{ mode: "mark" }, 3_500_000, 6, "+0.001500"],
    [{ mode: "mark" }, 0, 6, "−0.002000"],
    [{ mode: "mark", mark: undefined }, 7, 9, "+0.000000007"],
    [{ mode: "wall", originRealNs: 0n }, 0, 9, "86352.000000500"],
  ])("of %o at %d, %d decimals: %s", (change, at, decimals, text) =>
    expect(timeText({ ...kClock, ...change }, at, decimals)).toBe(text),
  );

  it("falls back to clocks that are known", () => {
    expect(effectiveMode({ ...kClock, originRealNs: 0n })).toBe("trace");
    expect(effectiveMode({ ...kClock, mode: "mark", mark: undefined })).toBe("start");
    expect(timeWords({ ...kClock, mode: "start" }, 0)).toBe("+0.000000000 s");
  });

  it("has zeros at which round times are round", () => {
    expect(timeText({ ...kClock, mode: "trace" }, zeroOf({ ...kClock, mode: "trace" }), 9)).toBe("0.000000000");
    expect(zeroOf({ ...kClock, mode: "mark" })).toBe(2_000_000);
    expect(zeroOf({ ...kClock, mode: "start" })).toBe(0);
    expect(timeText(kClock, zeroOf(kClock) + 86_400e9, 9)).toMatch(/:00:00\.000000000$|:30:00\.000000000$/);
  });

  it.each([
    [1e9, 0],
    [5e8, 1],
    [1e6, 3],
    [2e5, 4],
    [1, 9],
    [1e12, 0],
  ])("steps of %d ns need %d decimals", (step, decimals) => expect(decimalsFor(step)).toBe(decimals));
});
