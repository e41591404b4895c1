// Groups of waits, added up.
import type { DelayRow } from "../gen/wakewatch/v1/analysis_pb";

export interface DelayTotals {
  waits: bigint;
  latencyNs: bigint;
  excessNs: bigint;
  assumed: bigint; // waits of tasks of which it was not known where they may run
  withoutWaking: bigint;
}

export function delayTotals(rows: readonly DelayRow[]): DelayTotals {
  const totals: DelayTotals = { waits: 0n, latencyNs: 0n, excessNs: 0n, assumed: 0n, withoutWaking: 0n };
  for (const row of rows) {
    totals.waits += row.latency?.n ?? 0n;
    totals.latencyNs += row.latencySumNs;
    totals.excessNs += row.excessSumNs;
    totals.assumed += row.assumedAffinity;
    totals.withoutWaking += row.withoutWaking;
  }
  return totals;
}
