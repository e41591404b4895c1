// A comparison as CSV, with the columns and words of `wakewatch diff --format csv`.
import type { CompareResponse } from "../gen/wakewatch/v1/analysis_pb";
import { visible } from "../text/visible";
import { changeOf, kChangeWords, measuresOf, type Quantile } from "./change";

const kHead =
  "subject,name,kind,measure,n_before,n_after,p50_before_ns,p50_after_ns,p90_before_ns,p90_after_ns,p99_before_ns," +
  "p99_after_ns,max_before_ns,max_after_ns,longer,p,p_adjusted,change";
const kQuantiles: readonly Quantile[] = ["p50Ns", "p90Ns", "p99Ns", "maxNs"];

/** One field (RFC 4180). */
export function csvField(text: string): string {
  const safe = visible(text);
  return /[",]|^ | $/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function comparisonCsv(answer: CompareResponse): string {
  const lines = [kHead];
  const counts = (measure: string, before: bigint | undefined, after: bigint | undefined) =>
    lines.push(`trace,,,${measure},${before ?? 0n},${after ?? 0n},,,,,,,,,,,,`);
  const { before, after } = answer;
  const length = (side: typeof before) => (side === undefined ? 0n : side.endNs - side.startNs);
  counts("lost_events", before?.lostEvents, after?.lostEvents);
  counts("lost_unknown", BigInt(before?.lostUnknown ?? false), BigInt(after?.lostUnknown ?? false));
  counts("gaps", before?.gaps, after?.gaps);
  counts("events", before?.events, after?.events);
  counts("span_ns", length(before), length(after));
  for (const { subject, name, kind, measure, times } of measuresOf(answer)) {
    const [a, b] = [times.before, times.after];
    const both = a !== undefined && b !== undefined && a.n > 0n && b.n > 0n;
    const fields = [subject, csvField(name), csvField(kind), measure, a?.n ?? 0n, b?.n ?? 0n];
    for (const quantile of kQuantiles) fields.push(a?.n ? a[quantile] : "", b?.n ? b[quantile] : "");
    const p = (value: number | undefined) => (value === undefined ? "" : String(Number(value.toPrecision(6))));
    fields.push(
      both ? times.longer.toFixed(4) : "",
      p(times.pValue),
      p(times.pAdjusted),
      kChangeWords[changeOf(times)],
    );
    lines.push(fields.join(","));
  }
  return `${lines.join("\n")}\n`;
}
