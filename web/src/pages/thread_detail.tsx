import { useEffect, useState } from "preact/hooks";
import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { HistogramBucket, Quantiles, ThreadDistribution } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { Histogram } from "../parts/histogram";
import { Foreign } from "../parts/text";
import { findingsAddress } from "../router";
import { traceTime } from "../text/times";
import { count, duration } from "../text/units";

const kParts = ["wakeupLatency", "delivery", "runqueue", "preempted"] as const;
type Part = (typeof kParts)[number];
const kPartNames: Record<Part, [string, string]> = {
  wakeupLatency: ["Wakeup latency", "From sched_waking to running: delivery and run queue together."],
  delivery: ["Delivery", "From sched_waking to sched_wakeup: wake list, interprocessor interrupt, idle exit."],
  runqueue: ["Run queue", "From sched_wakeup to running."],
  preempted: ["Preempted", "From being preempted to running again."],
};

export function ThreadDetail({ host, pid, onClose }: { host: string; pid: number; onClose(): void }) {
  const [part, setPart] = useState<Part>("wakeupLatency");
  const { state, feed } = usePoll(
    `thread ${host} ${pid}`,
    (signal) => analysis.getThread({ recording: { host }, pid }, { signal, timeoutMs: kUnaryMs }),
    2000,
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && onClose();
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [onClose]);
  return (
    <aside class="detail" aria-label={`Thread ${pid}`}>
      <button type="button" class="close" aria-label="Close the thread" onClick={onClose}>
        ×
      </button>
      <Fed feed={feed} what="distribution of this thread">
        {(state?.threads ?? []).map((one, i) => (
          <Distribution key={i} host={host} distribution={one} part={part} onPart={setPart} />
        ))}
        {state?.threads.length === 0 && <p class="quiet">No thread had this PID.</p>}
      </Fed>
    </aside>
  );
}

interface DistributionProps {
  host: string;
  distribution: ThreadDistribution;
  part: Part;
  onPart(part: Part): void;
}

function Distribution({ host, distribution, part, onPart }: DistributionProps) {
  const summary = distribution.summary;
  if (summary === undefined) return null;
  const buckets: HistogramBucket[] = distribution[part];
  const [title, words] = kPartNames[part];
  return (
    <section>
      <h2>
        <Foreign text={summary.comm} /> <span class="quiet">{summary.pid}</span>
      </h2>
      <p class="quiet">
        <Foreign text={summary.kind} empty="unknown kind" />
        {summary.kindSource === "" ? "" : ` (known by ${summary.kindSource})`}, first seen at{" "}
        {traceTime(summary.firstSeenNs)} s, {count(summary.wakeups)} wakeups, {duration(summary.onCpuNs)} on a CPU.{" "}
        <a href={findingsAddress({ host, pid: summary.pid, user: summary.kind === "user" ? 1 : undefined })}>
          Its findings
        </a>
      </p>
      <div class="choice" role="group" aria-label="Which distribution">
        {kParts.map((one) => (
          <button key={one} type="button" aria-pressed={one === part} onClick={() => onPart(one)}>
            {kPartNames[one][0]}
          </button>
        ))}
      </div>
      <p class="quiet">{words}</p>
      <Histogram title={title} buckets={buckets} quantiles={summary[part]} />
      <QuantileTable rows={kParts.map((one) => [kPartNames[one][0], summary[one]])} />
      <p class="quiet">
        {count(summary.censored)} waits were still open (censored); {count(summary.voided)} touched a gap or a
        contradiction and are unknown (voided).
      </p>
    </section>
  );
}

function QuantileTable({ rows }: { rows: [string, Quantiles | undefined][] }) {
  return (
    <table class="grid small">
      <thead>
        <tr>
          <th scope="col" />
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
  );
}
