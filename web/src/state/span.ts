// Which part of a recording is looked at, as the address says it: all of it, the last so many seconds, or from … to … in
// seconds of trace time.

import { traceTime } from "../text/times";

export type Span =
  | { kind: "all" }
  | { kind: "last"; seconds: number }
  | { kind: "between"; sinceNs: bigint; untilNs: bigint } // 0: no bound
  | { kind: "wrong"; problem: string };

export const kLastSeconds: readonly number[] = [10, 60, 600, 3600];
const kNsPerS = 1_000_000_000n;

/** Seconds with at most nine decimals; undefined for anything else. Nothing is 0. */
export function parseSeconds(text: string): bigint | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return 0n;
  const [, whole, part = ""] = /^(\d{1,9})(?:\.(\d{0,9}))?$/.exec(trimmed) ?? [];
  return whole === undefined ? undefined : BigInt(whole) * kNsPerS + BigInt(part.padEnd(9, "0"));
}

export function spanOf(query: URLSearchParams): Span {
  const chosen = query.get("span") ?? "";
  if (chosen !== "custom") {
    const seconds = Number(chosen);
    return kLastSeconds.includes(seconds) ? { kind: "last", seconds } : { kind: "all" };
  }
  const sinceNs = parseSeconds(query.get("from") ?? "");
  const untilNs = parseSeconds(query.get("to") ?? "");
  if (sinceNs === undefined || untilNs === undefined)
    return { kind: "wrong", problem: "A time is given in seconds of trace time, such as 86412.25." };
  if (untilNs !== 0n && untilNs <= sinceNs) return { kind: "wrong", problem: "The span ends before it begins." };
  return { kind: "between", sinceNs, untilNs };
}

/** What a call asks for. The last seconds count back from `endNs`, where the recording ends or has been analysed to. */
export function boundsOf(span: Span, endNs: bigint): { sinceNs: bigint; untilNs: bigint } {
  if (span.kind === "between") return { sinceNs: span.sinceNs, untilNs: span.untilNs };
  if (span.kind !== "last") return { sinceNs: 0n, untilNs: 0n };
  const sinceNs = endNs - BigInt(span.seconds) * kNsPerS;
  return { sinceNs: sinceNs > 0n ? sinceNs : 0n, untilNs: 0n };
}

/** The query of a page whose span is `aroundNs` on either side of a time. */
export function spanAround(ns: bigint, aroundNs: bigint): { span: string; from: string; to: string } {
  const from = ns > aroundNs ? ns - aroundNs : 0n;
  return { span: "custom", from: traceTime(from), to: traceTime(ns + aroundNs) };
}
