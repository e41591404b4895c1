import { expect, it } from "vitest";
import { isTimeMode, kNoTraceClock, traceTimeIn, type TimeMode, type TraceClock } from "./clock_modes";
import { wallTime } from "./times";

const realNs = 1_795_000_000_123_456_789n;
const clock: TraceClock = { startNs: 5_000_000_000n, realMinusTraceNs: realNs - 6_500_000_000n };
const nowMs = Number(realNs / 1_000_000n);

it.each<[TimeMode, TraceClock, string]>([
  ["trace", clock, "6.500000000 s"],
  ["relative", clock, "+1.500000\u202fs"],
  ["wall", clock, `${wallTime(realNs, nowMs)}456`],
  ["wall", kNoTraceClock, "6.500000000 s"],
  ["relative", kNoTraceClock, "6.500000000 s"],
])("%s", (mode, of, text) => expect(traceTimeIn(mode, 6_500_000_000n, of, nowMs)).toBe(text));

it("nothing else is a way to tell the time", () => {
  expect(["trace", "wall", "relative", "", null, "utc"].filter(isTimeMode)).toEqual(["trace", "wall", "relative"]);
});
