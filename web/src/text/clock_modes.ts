// How points in time are told: as the trace has them, on the host's wall clock, or relative to the recording's start and
// to now. The address names it, and the browser remembers it.
import { traceTime, wallTime } from "./times";

export type TimeMode = "trace" | "wall" | "relative";
export const kTimeModes: readonly TimeMode[] = ["trace", "wall", "relative"];

export const isTimeMode = (text: string | null): text is TimeMode => kTimeModes.includes(text as TimeMode);

/** What a trace time of a recording needs to be told in other ways; 0: not known. */
export interface TraceClock {
  startNs: bigint; // trace time at which the recording begins
  realMinusTraceNs: bigint; // what to add to get the host's CLOCK_REALTIME
}

export const kNoTraceClock: TraceClock = { startNs: 0n, realMinusTraceNs: 0n };

/** Without what is needed for it, a time is told as the trace has it. */
export function traceTimeIn(mode: TimeMode, ns: bigint, clock: TraceClock, nowMs: number): string {
  if (mode === "relative" && clock.startNs > 0n) {
    const sinceNs = ns - clock.startNs;
    const size = sinceNs < 0n ? -sinceNs : sinceNs;
    return `${sinceNs < 0n ? "−" : "+"}${traceTime(size).slice(0, -3)}\u202fs`; // to the microsecond
  }
  if (mode === "wall" && clock.realMinusTraceNs !== 0n) {
    const realNs = ns + clock.realMinusTraceNs;
    return `${wallTime(realNs, nowMs)}${String(realNs % 1_000_000n)
      .padStart(6, "0")
      .slice(0, 3)}`;
  }
  return `${traceTime(ns)} s`;
}
