// All of a comparison in one table, with the columns and words of `wakewatch diff --format csv`.
import type { CompareResponse } from "../gen/wakewatch/v1/analysis_pb";
import type { Cell, Exported } from "../state/export";
import { changeOf, kChangeWords, measuresOf, type Measure, type Quantile } from "./change";

const kNames =
  "subject,name,kind,measure,n_before,n_after,p50_before_ns,p50_after_ns,p90_before_ns,p90_after_ns,p99_before_ns," +
  "p99_after_ns,max_before_ns,max_after_ns,longer,p,p_adjusted,change";
const kQuantiles: readonly Quantile[] = ["p50Ns", "p90Ns", "p99Ns", "maxNs"];

function rowOf({ subject, name, kind, measure, times }: Measure): Cell[] {
  const [a, b] = [times.before, times.after];
  const [of, against] = [a?.n ?? 0n, b?.n ?? 0n];
  const row: Cell[] = [subject, name, kind, measure, of, against];
  for (const quantile of kQuantiles) row.push(a?.n ? a[quantile] : null, b?.n ? b[quantile] : null);
  const both = of > 0n && against > 0n;
  row.push(both ? times.longer : null, times.pValue ?? null, times.pAdjusted ?? null, kChangeWords[changeOf(times)]);
  return row;
}

/** What the sides lost comes first, with n alone. */
export function exportedComparison(answer: CompareResponse): Exported {
  const names = kNames.split(",");
  const { before, after } = answer;
  const length = (side: typeof before) => (side === undefined ? 0n : side.endNs - side.startNs);
  const counts: [string, bigint | undefined, bigint | undefined][] = [
    ["lost_events", before?.lostEvents, after?.lostEvents],
    ["lost_unknown", BigInt(before?.lostUnknown ?? false), BigInt(after?.lostUnknown ?? false)],
    ["gaps", before?.gaps, after?.gaps],
    ["events", before?.events, after?.events],
    ["span_ns", length(before), length(after)],
  ];
  const ofSides = counts.map(([measure, a, b]): Cell[] => {
    const row: Cell[] = ["trace", "", "", measure, a ?? 0n, b ?? 0n];
    return [...row, ...new Array<null>(names.length - row.length).fill(null)];
  });
  return { names, rows: [...ofSides, ...measuresOf(answer).map(rowOf)] };
}
