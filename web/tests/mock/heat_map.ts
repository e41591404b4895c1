// A heat map that fits its own rules: every column's counts sum to its waits, and gaps are where the host lost events.
import type { GetHeatMapRequest } from "../../src/gen/wakewatch/v1/analysis_pb";
import type { Host } from "../../src/gen/wakewatch/v1/fleet_pb";
import { randomFrom } from "./data";

const kRows = 26; // powers of two from 1 µs
const kSpanNs = 600_000_000_000n;

export function heatMap(request: GetHeatMapRequest, host: Host) {
  const { sinceNs = 0n, untilNs = 0n } = request.recording ?? {};
  const startNs = sinceNs || host.watermarkNs - kSpanNs;
  const endNs = untilNs || host.watermarkNs;
  const many = request.columnsMax || 256;
  const columnNs = (endNs - startNs) / BigInt(many) || 1n;
  const random = randomFrom(many + (request.excess ? 1 : 0));
  const columns = Array.from({ length: many }, (_, i) => {
    const counts = new Array<bigint>(kRows).fill(0n);
    const busy = 20 + Math.floor(200 * random() * (1 + Math.sin(i / 14)));
    for (let k = 0; k < busy; k++) {
      const burst = i % 60 > 50 && random() < 0.1 ? 9 : 0;
      const row = Math.floor(3 + 4 * random() + 2 * random() + burst + (request.excess ? -2 : 0));
      counts[Math.max(0, Math.min(kRows - 1, row))]! += 1n;
    }
    const last = counts.reduce((at, count, row) => (count > 0n ? row : at), -1);
    const maxNs = last < 0 ? 0n : (1000n << BigInt(last)) + 17n;
    return { waits: BigInt(busy), counts: counts.slice(0, last + 1), maxNs };
  });
  const at = (share: number) => startNs + BigInt(Math.floor(Number(endNs - startNs) * share));
  const lossy = host.gaps > 0n;
  return {
    startNs,
    columnNs,
    columns,
    rowLowNs: Array.from({ length: kRows }, (_, row) => 1000n << BigInt(row)),
    waits: columns.reduce((sum, { waits }) => sum + waits, 0n),
    watermarkNs: host.watermarkNs,
    gaps: lossy
      ? [
          { cpu: 3, gaps: [{ startNs: at(0.3), endNs: at(0.34) }] },
          { cpu: 12, gaps: [{ startNs: at(0.7), endNs: at(0.702) }] },
        ]
      : [],
  };
}
