import { useState } from "preact/hooks";
import type { ThreadDistribution } from "../gen/wakewatch/v1/analysis_pb";
import { Histogram } from "../parts/histogram";
import { QuantileTable } from "../parts/quantile_table";
import { count, plural } from "../text/units";

const kParts = ["wakeupLatency", "delivery", "runqueue", "preempted", "excessLatency"] as const;
type Part = (typeof kParts)[number];
const kPartNames: Record<Part, [string, string]> = {
  wakeupLatency: ["Wakeup latency", "From sched_waking to running: delivery and run queue together."],
  delivery: ["Delivery", "From sched_waking to sched_wakeup: wake list, interprocessor interrupt, idle exit."],
  runqueue: ["Run queue", "From sched_wakeup to running."],
  preempted: ["Preempted", "From being preempted to running again."],
  excessLatency: [
    "Excess",
    "Of the wakeup latency, what a work-conserving schedule that respects classes would have spared it, less a tolerance.",
  ],
};

/** One thread's distributions: a picture of the chosen one, quantiles of all, each with its n. */
export function ThreadFigures({ distribution }: { distribution: ThreadDistribution }) {
  const [part, setPart] = useState<Part>("wakeupLatency");
  const summary = distribution.summary;
  if (summary === undefined) return null;
  const [title, words] = kPartNames[part];
  const assumed = summary.assumedAffinity;
  return (
    <>
      <div class="choice" role="group" aria-label="Which distribution">
        {kParts.map((one) => (
          <button key={one} type="button" aria-pressed={one === part} onClick={() => setPart(one)}>
            {kPartNames[one][0]}
          </button>
        ))}
      </div>
      <p class="quiet">{words}</p>
      <Histogram title={title} buckets={distribution[part]} quantiles={summary[part]} />
      <QuantileTable rows={kParts.map((one) => [kPartNames[one][0], summary[one]])} />
      {assumed > 0n && (
        <p class="quiet">
          In {count(assumed)} of {plural(summary.wakeupLatency?.n ?? 0n, "wait", "waits")} it was not known where the
          thread may run (affinity assumed): there only CPUs that it was seen on count for the excess.
        </p>
      )}
      <p class="quiet">
        {plural(summary.censored, "wait was", "waits were")} still open (censored); {count(summary.voided)} touched a
        gap or a contradiction and are unknown (voided).
      </p>
    </>
  );
}
