import type { Quantiles } from "../gen/wakewatch/v1/analysis_pb";
import { count, duration } from "../text/units";
import { Scroller } from "./scroller";

export function QuantileTable({ rows }: { rows: [string, Quantiles | undefined][] }) {
  return (
    <Scroller label="Quantiles" look="sideways">
      <table class="grid small">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Of</span>
            </th>
            {["n", "p50", "p90", "p99", "max"].map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, quantiles]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{count(quantiles?.n ?? 0n)}</td>
              {(["p50Ns", "p90Ns", "p99Ns", "maxNs"] as const).map((one) => (
                <td key={one} class="number">
                  {quantiles === undefined || quantiles.n === 0n ? "–" : duration(quantiles[one])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}
