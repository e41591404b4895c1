import { useEffect } from "preact/hooks";
import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { ThreadDistribution } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { Foreign } from "../parts/text";
import { At } from "../parts/times";
import { findingsAddress, threadAddress } from "../router";
import { purposeOf } from "../text/kinds";
import { count, duration } from "../text/units";
import { ThreadFigures } from "./thread_figures";

export function ThreadDetail({ host, pid, onClose }: { host: string; pid: number; onClose(): void }) {
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
          <Distribution key={i} host={host} distribution={one} />
        ))}
        {state?.threads.length === 0 && <p class="quiet">No thread had this PID.</p>}
      </Fed>
    </aside>
  );
}

function Distribution({ host, distribution }: { host: string; distribution: ThreadDistribution }) {
  const summary = distribution.summary;
  if (summary === undefined) return null;
  return (
    <section>
      <h2>
        <Foreign text={summary.comm} /> <span class="quiet">{summary.pid}</span>
      </h2>
      <p class="quiet">
        <Foreign text={summary.kind} empty="unknown kind" />
        {purposeOf(summary.kind) !== "" && `: ${purposeOf(summary.kind)}`}
        {summary.kindSource === "" ? "" : ` (known by ${summary.kindSource})`}, first seen at{" "}
        <At ns={summary.firstSeenNs} />, {count(summary.wakeups)} wakeups, {duration(summary.onCpuNs)} on a CPU.{" "}
        <a href={findingsAddress({ host, pid: summary.pid, user: summary.kind === "user" ? 1 : undefined })}>
          Its findings
        </a>
      </p>
      <p>
        <a href={threadAddress(host, summary.pid)}>Its worst wakeups, and where the time went</a>
      </p>
      <ThreadFigures distribution={distribution} />
    </section>
  );
}
