// What a comparison says of one quantity, in words and figures. The words are those of `wakewatch diff`.
import type { ComparedTimes, CompareResponse, Quantiles } from "../gen/wakewatch/v1/analysis_pb";
import { duration } from "../text/units";

/** A difference is called one where p, corrected, is at most this. The same as analysis/report/compare.h. */
export const kSureP = 0.01;

export type Change = "none" | "only before" | "only after" | "too few" | "not sure" | "shorter" | "longer";

export const kChangeWords: Record<Change, string> = {
  none: "none measured",
  "only before": "only before",
  "only after": "only after",
  "too few": "too few to tell",
  "not sure": "no sure change",
  shorter: "shorter",
  longer: "longer",
};

export function changeOf(times: ComparedTimes): Change {
  const before = times.before?.n ?? 0n;
  const after = times.after?.n ?? 0n;
  if (before === 0n && after === 0n) return "none";
  if (after === 0n) return "only before";
  if (before === 0n) return "only after";
  if (times.pAdjusted === undefined) return "too few";
  if (times.pAdjusted > kSureP) return "not sure";
  return times.longer > 0.5 ? "longer" : "shorter";
}

/** < 0.0001, 0.0123, 0.5. */
export function pText(p: number): string {
  if (p < 0.0001) return "< 0.0001";
  return `= ${p >= 0.9995 ? "1" : p.toPrecision(p < 0.001 ? 1 : 2)}`;
}

export type Quantile = "p50Ns" | "p90Ns" | "p99Ns" | "maxNs";

/** After less before; undefined where a side has nothing. */
export function moreNs(times: ComparedTimes, quantile: Quantile): bigint | undefined {
  if (!times.before?.n || !times.after?.n) return undefined;
  return times.after[quantile] - times.before[quantile];
}

/** After by before; undefined where a side has nothing, Infinity where only after is more than nothing. */
export function ratio(times: ComparedTimes, quantile: Quantile): number | undefined {
  if (!times.before?.n || !times.after?.n) return undefined;
  const [before, after] = [Number(times.before[quantile]), Number(times.after[quantile])];
  if (before === after) return 1;
  return after / before;
}

/** ×1.25, ×97.2, from 0, to 0; what is not nothing is not ×0.00. */
function ratioText(factor: number): string {
  if (!Number.isFinite(factor)) return "from 0";
  if (factor === 0) return "to 0";
  if (factor < 0.005) return "<×0.01";
  return `×${factor.toFixed(factor >= 99.5 ? 0 : factor >= 9.95 ? 1 : 2)}`;
}

/** ×1.25 and +12.3 µs. */
export function differenceText(times: ComparedTimes, quantile: Quantile): { ratio: string; more: string } | undefined {
  const factor = ratio(times, quantile);
  const more = moreNs(times, quantile);
  if (factor === undefined || more === undefined) return undefined;
  return {
    ratio: ratioText(factor),
    more: more > 0n ? `+${duration(more)}` : duration(more),
  };
}

/** One quantity of a thread, a work function or a softirq. */
export interface Measure {
  key: string;
  subject: "thread" | "work" | "softirq";
  name: string;
  kind: string;
  measure: string;
  times: ComparedTimes;
  threadsBefore: number; // of this name; 0 for what is no thread
  threadsAfter: number;
  rateBefore: number; // wakeups a second
  rateAfter: number;
}

const kNoTimes = { before: undefined, after: undefined, longer: 0.5 } as unknown as ComparedTimes;

function measure(
  subject: Measure["subject"],
  name: string,
  kind: string,
  what: string,
  times?: ComparedTimes,
): Measure {
  const none = { threadsBefore: 0, threadsAfter: 0, rateBefore: 0, rateAfter: 0 };
  return {
    key: JSON.stringify([subject, name, kind, what]),
    subject,
    name,
    kind,
    measure: what,
    times: times ?? kNoTimes,
    ...none,
  };
}

/** Every quantity of the answer, in its order: the surest change first. */
export function measuresOf(answer: CompareResponse): Measure[] {
  const all: Measure[] = [];
  for (const one of answer.threads) {
    const more = {
      threadsBefore: one.threadsBefore,
      threadsAfter: one.threadsAfter,
      rateBefore: one.wakeupsPerSBefore,
      rateAfter: one.wakeupsPerSAfter,
    };
    all.push({ ...measure("thread", one.name, one.kind, "latency", one.latency), ...more });
    all.push({ ...measure("thread", one.name, one.kind, "excess", one.excess), ...more });
  }
  for (const one of answer.work) {
    all.push(measure("work", one.function, "", "queue to start", one.queueToStart));
    all.push(measure("work", one.function, "", "run", one.run));
  }
  for (const one of answer.softirqs) all.push(measure("softirq", one.vector, "", "raise to entry", one.raiseToEntry));
  return all;
}

const nothing = (side: Quantiles | undefined) => side === undefined || side.maxNs === 0n;

/** What is measured on neither side, or 0 throughout on both, tells nothing. */
export const tells = ({ times }: Measure) => !(nothing(times.before) && nothing(times.after));

export interface MeasureFilter {
  words: string;
  sureOnly: boolean;
}

export function passes({ words, sureOnly }: MeasureFilter, one: Measure): boolean {
  const wanted = words.toLowerCase();
  if (wanted !== "" && !one.name.toLowerCase().includes(wanted) && !one.kind.includes(wanted)) return false;
  const change = changeOf(one.times);
  return !sureOnly || change === "longer" || change === "shorter";
}

/** How sure a change is, the surest the largest: what the table is ordered by at first. Without a p it is below all. */
export function sureness({ times }: Measure): number {
  if (times.pAdjusted === undefined) return -1;
  // Many p are 1 after the correction; those are told apart by what they were, and then by how far apart the sides are.
  const among = (1 - (times.pValue ?? 1)) / 1e3 + Math.abs(times.longer - 0.5) / 1e6;
  return among - Math.log10(Math.max(times.pAdjusted, 1e-300));
}
