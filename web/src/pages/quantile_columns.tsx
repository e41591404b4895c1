import type { Quantiles } from "../gen/wakewatch/v1/analysis_pb";
import type { Column } from "../parts/table";
import { count, duration } from "../text/units";

export type Which = "n" | "p50Ns" | "p90Ns" | "p99Ns" | "maxNs";
const kNone = "–";
const kTitles: Record<Which, string> = { n: "n", p50Ns: "p50", p90Ns: "p90", p99Ns: "p99", maxNs: "max" };

/** Columns of one distribution. Where nothing was measured there is a dash, and it sorts below every figure. */
export function quantileColumns<R>(
  prefix: string,
  group: string,
  of: (row: R) => Quantiles | undefined,
  which: readonly Which[],
  hint?: string,
  spare?: number,
): Column<R>[] {
  return which.map((one) => ({
    id: `${prefix}.${kTitles[one]}`,
    title: kTitles[one],
    group,
    ...(hint === undefined ? {} : { hint }),
    // A single column must hold the name of its group.
    rem: which.length === 1 ? 6.7 : one === "n" ? 5 : 5.4,
    ...(spare === undefined ? {} : { spare }),
    numeric: true,
    ...(one === "n" ? {} : { unit: "ns" as const }),
    raw: (row: R) => {
      const quantiles = of(row);
      return quantiles === undefined || (quantiles.n === 0n && one !== "n") ? null : quantiles[one];
    },
    // A quantile is never exported without its n.
    also: which.includes("n") ? [] : [{ name: `${prefix}_n`, raw: (row: R) => of(row)?.n ?? 0n }],
    value: (row: R) => {
      const quantiles = of(row);
      return quantiles === undefined || (quantiles.n === 0n && one !== "n") ? -1n : quantiles[one];
    },
    ...(one === "n" ? {} : { tip: (row: R) => `n = ${count(of(row)?.n ?? 0n)}` }),
    cell: (row: R) => {
      const quantiles = of(row);
      if (one === "n") return count(quantiles?.n ?? 0n);
      return quantiles === undefined || quantiles.n === 0n ? kNone : duration(quantiles[one]);
    },
  }));
}
