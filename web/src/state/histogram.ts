// The server's histogram has many narrow buckets; a picture has a few dozen bars on a logarithmic axis.
import type { HistogramBucket } from "../gen/wakewatch/v1/analysis_pb";

export interface Bar {
  lowNs: number;
  highNs: number;
  count: number;
}

export interface Bars {
  bars: Bar[]; // side by side, empty ones included
  highest: number; // count
  total: number;
}

const kBarsPerDecade = 10;
const kBarsMax = 120;

/** Where a value stands on the axis, in bars from 1 ns; 0 ns stands with 1 ns. */
const indexOf = (ns: number, perDecade: number) => Math.floor(Math.log10(Math.max(ns, 1)) * perDecade + 1e-9);

export function toBars(buckets: readonly HistogramBucket[]): Bars {
  const filled = buckets.filter(({ count }) => count > 0n);
  if (filled.length === 0) return { bars: [], highest: 0, total: 0 };
  const middle = ({ lowNs, highNs }: HistogramBucket) =>
    Math.sqrt(Math.max(Number(lowNs), 1) * Math.max(Number(highNs), 1));
  const middles = filled.map(middle);
  let perDecade = kBarsPerDecade;
  const span = () => indexOf(Math.max(...middles), perDecade) - indexOf(Math.min(...middles), perDecade) + 1;
  while (span() > kBarsMax && perDecade > 1) perDecade = Math.floor(perDecade / 2);
  const start = indexOf(Math.min(...middles), perDecade);
  const bars: Bar[] = Array.from({ length: span() }, (_, i) => ({
    lowNs: 10 ** ((start + i) / perDecade),
    highNs: 10 ** ((start + i + 1) / perDecade),
    count: 0,
  }));
  filled.forEach((bucket, i) => {
    bars[indexOf(middles[i]!, perDecade) - start]!.count += Number(bucket.count);
  });
  const counts = bars.map(({ count }) => count);
  return { bars, highest: Math.max(...counts), total: counts.reduce((sum, n) => sum + n, 0) };
}

/** 1, 10, 100 … up to the first that the highest does not exceed. */
export function decades(highest: number): number[] {
  const ticks = [1];
  while (ticks.at(-1)! < highest) ticks.push(ticks.at(-1)! * 10);
  return ticks;
}

/** 0 to 1 of the height of a logarithmic axis that starts below 1, so that a single event is seen. */
export function logShare(count: number, top: number): number {
  if (count <= 0) return 0;
  const base = Math.log10(0.5);
  return (Math.log10(count) - base) / (Math.log10(Math.max(top, 1)) - base);
}
