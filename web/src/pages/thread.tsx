import { analysis, kUnaryMs } from "../api/client";
import { isStale, type Feed } from "../api/feed";
import { usePoll } from "../api/hooks";
import type { ThreadDistribution, ThreadSummary } from "../gen/wakewatch/v1/analysis_pb";
import { CopyButton } from "../parts/copy";
import { Fact } from "../parts/fact";
import { HeatMap } from "../heat_map/heat_map";
import { Fed } from "../parts/feed_note";
import { InSpan } from "../parts/in_span";
import { RecordingChoice, useRecording, useTraceClock } from "../parts/recording";
import { SplitBar, SplitTable } from "../parts/split";
import { Foreign } from "../parts/text";
import { At, OfClock } from "../parts/times";
import { findingsAddress, hostAddress, kFleetAddress, timelineAddress } from "../router";
import { splitOf } from "../state/buckets";
import type { HostEntry } from "../state/hosts";
import { purposeOf } from "../text/kinds";
import { traceTime } from "../text/times";
import { count, duration, plural, share } from "../text/units";
import { ThreadDelays } from "./delays";
import { LongestWaits } from "./longest_waits";
import { ThreadFigures } from "./thread_figures";
import { WorstWakeup } from "./worst_wakeup";

interface Props {
  host: string;
  pid: number;
  query: URLSearchParams;
  entry: HostEntry | undefined;
  feed: Feed; // of the hosts
}

export function ThreadPage({ host, pid, query, entry, feed: hostFeed }: Props) {
  const chosen = useRecording(host, query, entry);
  const { recording } = chosen;
  const { state, feed } = usePoll(
    `thread ${host} ${pid} ${recording}`,
    (signal) => analysis.getThread({ recording: { host, recording }, pid }, { signal, timeoutMs: kUnaryMs }),
    2000,
  );
  // A pid may have had several threads, one after the other; the page bears the name of the last.
  const threads = state?.threads ?? [];
  const named = threads.at(-1)?.summary;
  const clock = useTraceClock(host, query, entry);
  return (
    <OfClock clock={clock}>
      <nav class="crumbs" aria-label="Where you are">
        <a href={kFleetAddress}>Fleet</a> /{" "}
        <a href={hostAddress(host)}>
          <Foreign text={host} />
        </a>
      </nav>
      <div class="headed">
        <h1>
          {named === undefined ? `Thread ${pid}` : <Foreign text={named.comm} />}
          {named !== undefined && (
            <span class="quiet">
              PID {pid}, <Foreign text={named.kind} empty="unknown kind" />
              {purposeOf(named.kind) !== "" && `: ${purposeOf(named.kind)}`}
            </span>
          )}
        </h1>
        <CopyButton text={() => window.location.href} what="link" />
      </div>
      <div class={isStale(hostFeed) ? "dimmed" : undefined}>{chosen.loss}</div>
      <div class="toolbar">
        <RecordingChoice chosen={chosen} />
        <a href={timelineAddress(host, { recording, pin: pid })}>Its timeline</a>
      </div>
      <Fed feed={feed} what="thread of this PID">
        {threads.map((one) => (
          <One
            key={String(one.summary?.firstSeenNs)}
            host={host}
            recording={recording}
            distribution={one}
            several={threads.length > 1}
          />
        ))}
      </Fed>
      {threads.length > 0 && (
        <>
          <h2>Its delays by cause</h2>
          {named?.kind === "user" && (
            <p class="quiet">
              Of a user task a recording keeps only the waits that are as long as its latency threshold, so these are
              fewer than above.
            </p>
          )}
          <InSpan chosen={chosen} query={query}>
            <HeatMap chosen={chosen} query={query} pid={pid} userTasks />
            <ThreadDelays chosen={chosen} query={query} pid={pid} />
            <h2>Its longest waits</h2>
            <LongestWaits chosen={chosen} query={query} pid={pid} />
          </InSpan>
        </>
      )}
    </OfClock>
  );
}

interface OneProps {
  host: string;
  recording: string;
  distribution: ThreadDistribution;
  several: boolean;
}

function One({ host, recording, distribution, several }: OneProps) {
  const { summary, worst } = distribution;
  if (summary === undefined) return null;
  return (
    <section aria-label={`Thread ${summary.pid}, first seen at ${traceTime(summary.firstSeenNs)} s`}>
      {several && (
        <h2>
          <Foreign text={summary.comm} />, first seen at <At ns={summary.firstSeenNs} />
        </h2>
      )}
      <Facts host={host} summary={summary} />
      <h2>Worst wakeups</h2>
      {worst.length === 0 && (
        <p class="quiet">
          {summary.kind === "user" && summary.wakeupLatency?.n
            ? "They are told of kernel threads only. The longest waits of this task are below."
            : "No wait after a wakeup was measured."}
        </p>
      )}
      {worst.map((wait, i) => (
        <WorstWakeup
          key={String(wait.wakingNs)}
          host={host}
          recording={recording}
          thread={summary}
          wait={wait}
          place={i + 1}
        />
      ))}
      <h2>Where the time went</h2>
      <Sums summary={summary} />
      <h2>Latencies</h2>
      <div class="figures">
        <ThreadFigures distribution={distribution} />
      </div>
    </section>
  );
}

function Facts({ host, summary }: { host: string; summary: ThreadSummary }) {
  const { wakeupLatency, excessLatencySumNs, wakeupLatencySumNs } = summary;
  const none = wakeupLatency === undefined || wakeupLatency.n === 0n;
  return (
    <dl class="facts wide">
      <Fact name="Wakeup latency, p99">
        {none ? (
          <span class="quiet">nothing measured</span>
        ) : (
          <>
            <strong>{duration(wakeupLatency.p99Ns)}</strong>, max {duration(wakeupLatency.maxNs)}{" "}
            <span class="quiet">n = {count(wakeupLatency.n)}</span>
          </>
        )}
      </Fact>
      <Fact name="Excess of it">
        {none ? (
          "–"
        ) : (
          <>
            {duration(excessLatencySumNs)}{" "}
            <span class="quiet">
              of {duration(wakeupLatencySumNs)}, {share(excessLatencySumNs, wakeupLatencySumNs)}
            </span>
          </>
        )}
      </Fact>
      <Fact name="Wakeups">{count(summary.wakeups)}</Fact>
      <Fact name="On a CPU">{duration(summary.onCpuNs)}</Fact>
      <Fact name="Voided">
        <span class={summary.voided > 0n ? "strong-warn" : undefined}>{count(summary.voided)}</span>{" "}
        <span class="quiet">by a gap or a contradiction</span>
      </Fact>
      <Fact name="Censored">
        {count(summary.censored)} <span class="quiet">still open</span>
      </Fact>
      <Fact name="First seen">
        <At ns={summary.firstSeenNs} />
      </Fact>
      <Fact name="Kind known by">{summary.kindSource === "" ? "–" : <Foreign text={summary.kindSource} />}</Fact>
      <Fact name="Findings">
        <a href={findingsAddress({ host, pid: summary.pid, user: summary.kind === "user" ? 1 : undefined })}>
          Its findings
        </a>
      </Fact>
    </dl>
  );
}

function Sums({ summary }: { summary: ThreadSummary }) {
  const wakeups = splitOf(summary.buckets, summary.wakeupLatencySumNs);
  const preempted = splitOf(summary.preemptedBuckets);
  const n = summary.wakeupLatency?.n ?? 0n;
  return (
    <div class="sides">
      <section>
        <h3>
          After wakeups <span class="quiet">n = {count(n)}</span>
        </h3>
        {n === 0n ? (
          <p class="quiet">No wait after a wakeup was measured.</p>
        ) : (
          <>
            <SplitBar split={wakeups} />
            <SplitTable split={wakeups} whole={`latency of ${plural(n, "wakeup", "wakeups")}`} />
          </>
        )}
      </section>
      <section>
        <h3>
          When preempted <span class="quiet">n = {count(summary.preempted?.n ?? 0n)}</span>
        </h3>
        {preempted.totalNs === 0n ? (
          <p class="quiet">No wait after a preemption was measured.</p>
        ) : (
          <>
            <SplitBar split={preempted} />
            <SplitTable split={preempted} whole={`time of ${plural(summary.preempted?.n ?? 0n, "wait", "waits")}`} />
          </>
        )}
      </section>
    </div>
  );
}
