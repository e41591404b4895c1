// Points in time. Wall-clock values are CLOCK_REALTIME in nanoseconds, 0 where nobody knows; trace times count from a
// start that means nothing outside their host.
import { duration } from "./units";

const kNsPerMs = 1_000_000n;
const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");

export function realMs(realNs: bigint): number {
  return Number(realNs / kNsPerMs);
}

function dayOf(date: Date): string {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** 14:03:07.123 of today, else 2026-11-21 14:03:07.123; the reader's time zone. */
export function wallTime(realNs: bigint, nowMs: number): string {
  if (realNs === 0n) return "not known";
  const date = new Date(realMs(realNs));
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
  const day = dayOf(date);
  return day === dayOf(new Date(nowMs)) ? time : `${day} ${time}`;
}

/** For <time datetime> and tooltips. */
export function isoTime(realNs: bigint): string {
  return realNs === 0n ? "" : new Date(realMs(realNs)).toISOString();
}

/** just now, 12 s ago, 3 min ago, 2 h ago, 5 d ago; a clock that is ahead gives "just now". */
export function ago(realNs: bigint, nowMs: number): string {
  if (realNs === 0n) return "never";
  const seconds = Math.floor((nowMs - realMs(realNs)) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Seconds with nine decimals, as trace-cmd prints them with -t. */
export function traceTime(ns: bigint): string {
  return `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, "0")}`;
}

/** +1.23 ms after the zero of a story, −4.5 µs before it. */
export function offset(ns: bigint): string {
  return ns < 0n ? duration(ns) : `+${duration(ns)}`;
}
