// Times of the page as people read them: on the host's wall clock, of the trace clock, or since a zero.
import type { TimeMode } from "./address";

export interface Clock {
  originNs: bigint; // trace time of the page's 0
  /** CLOCK_REALTIME of the host at the origin; 0: not known. */
  originRealNs: bigint;
  mode: TimeMode;
  mark: number | undefined; // of the page's time
}

const kNsPerS = 1_000_000_000n;

/** Without a wall clock, or a mark, there is the trace clock and the start. */
export function effectiveMode(clock: Clock): TimeMode {
  if (clock.mode === "wall" && clock.originRealNs === 0n) return "trace";
  if (clock.mode === "mark" && clock.mark === undefined) return "start";
  return clock.mode;
}

/** What ticks count from, so that they stand at round times. */
export function zeroOf(clock: Clock): number {
  switch (effectiveMode(clock)) {
    case "start":
      return 0;
    case "mark":
      return clock.mark!;
    case "wall":
      return -Number(clock.originRealNs % (86_400n * kNsPerS));
    case "trace":
      return -Number(clock.originNs % (86_400n * kNsPerS));
  }
}

/** Decimals of a second that tell steps of `stepNs` apart. */
export function decimalsFor(stepNs: number): number {
  return Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(Math.max(1, stepNs)) - 1e-9)));
}

function fraction(ns: bigint, decimals: number): string {
  if (decimals === 0) return "";
  return `.${String(ns).padStart(9, "0").slice(0, decimals)}`;
}

/** With so many decimals of a second; further ones are cut off, as a clock does. */
export function timeText(clock: Clock, at: number, decimals = 9): string {
  const whole = BigInt(Math.round(at));
  switch (effectiveMode(clock)) {
    case "wall": {
      const real = clock.originRealNs + whole;
      const date = new Date(Number(real / 1_000_000n));
      const pad = (value: number) => String(value).padStart(2, "0");
      const clockTime = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
      return clockTime + fraction(real % kNsPerS, decimals);
    }
    case "trace": {
      const ns = clock.originNs + whole;
      return ns < 0n ? signed(ns, decimals) : `${ns / kNsPerS}${fraction(ns % kNsPerS, decimals)}`;
    }
    case "start":
      return signed(whole, decimals);
    case "mark":
      return signed(BigInt(Math.round(at - clock.mark!)), decimals);
  }
}

function signed(ns: bigint, decimals: number): string {
  const size = ns < 0n ? -ns : ns;
  return `${ns < 0n ? "−" : "+"}${size / kNsPerS}${fraction(size % kNsPerS, decimals)}`;
}

/** "14:03:07.123456789", "+1.5 s": with what it counts. */
export function timeWords(clock: Clock, at: number): string {
  const text = timeText(clock, at);
  return effectiveMode(clock) === "wall" ? text : `${text} s`;
}
