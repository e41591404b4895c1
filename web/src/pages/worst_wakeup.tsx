// One late wakeup with all that is needed to believe it: what the time was spent on, who was on the CPU instead, who woke
// whom, and the events.
import { useState } from "preact/hooks";
import type { ChainLink, Competitor, ThreadSummary, WorstWait } from "../gen/wakewatch/v1/analysis_pb";
import { EventTable } from "../parts/events";
import { Fact } from "../parts/fact";
import { Scroller } from "../parts/scroller";
import { SplitBar, SplitTable } from "../parts/split";
import { Foreign, Task } from "../parts/text";
import { At } from "../parts/times";
import { timelineAddress } from "../router";
import { bucketName, splitOf } from "../state/buckets";
import { offset } from "../text/times";
import { duration, plural, share } from "../text/units";
import { jumpTo } from "../timeline/jump";
import { CriticalPath } from "./critical_path";

interface Props {
  host: string;
  recording: string;
  thread: ThreadSummary;
  wait: WorstWait;
  place: number; // 1: the longest
}

export function WorstWakeup({ host, recording, thread, wait, place }: Props) {
  const latencyNs = wait.inNs - wait.wakingNs;
  const split = splitOf(wait.buckets, latencyNs);
  return (
    <article class="wakeup" aria-label={`Wakeup ${place}: ${duration(latencyNs)}`}>
      <h3>
        <span class="quiet">{place}.</span> {duration(latencyNs)}{" "}
        <span class="cause">
          <Foreign text={wait.cause} empty="no cause known" />
        </span>
      </h3>
      <SplitBar split={split} />
      <dl class="facts wide">
        <Fact name="Woken by">
          <Waker wait={wait} />
        </Fact>
        <Fact name="Ran on CPU">{wait.cpu}</Fact>
        <Fact name="Excess">
          {duration(wait.excessNs)}{" "}
          <span class="quiet">{wait.affinityKnown ? "(affinity known)" : "(affinity assumed)"}</span>
        </Fact>
        <Fact name="Trace time">
          <At ns={wait.wakingNs} /> to <At ns={wait.inNs} />{" "}
          <OnTimeline {...{ host, recording, wait }} pid={thread.pid} />
        </Fact>
      </dl>
      <div class="sides">
        <section>
          <h4>What the time was spent on</h4>
          <SplitTable split={split} whole="wakeup latency" />
        </section>
        <section>
          <h4>Who was on the CPU instead</h4>
          <Competitors wait={wait} />
          <h4>Who woke whom</h4>
          <Chain wait={wait} thread={thread} />
        </section>
      </div>
      <Proof host={host} recording={recording} pid={thread.pid} wait={wait} first={place === 1} />
    </article>
  );
}

function OnTimeline(props: { host: string; recording: string; pid: number; wait: WorstWait }) {
  const { host, recording, pid, wait } = props;
  const place = jumpTo(wait.wakingNs, wait.inNs, pid, { kind: "thread", pid, atNs: wait.wakingNs });
  return <a href={timelineAddress(host, { recording, ...place })}>Show on the timeline</a>;
}

function Waker({ wait }: { wait: WorstWait }) {
  if (wait.wakerPid >= 0) return <Task comm={wait.wakerComm} pid={wait.wakerPid} />;
  const interrupt = wait.wakerContext === "hardirq" || wait.wakerContext === "softirq";
  return <span>{interrupt ? `a ${wait.wakerContext}` : "not known"}</span>;
}

function Competitors({ wait }: { wait: WorstWait }) {
  const queuedNs = wait.inNs - wait.wakeupNs;
  const known = (
    <p class="quiet">
      Known for {duration(wait.competitorsOfNs)} of the {duration(queuedNs)} on the run queue (
      {share(wait.competitorsOfNs, queuedNs)}).
    </p>
  );
  if (wait.competitors.length === 0)
    return (
      <>
        <p>No task: the CPU was idle, or who was on it is not known.</p>
        {known}
      </>
    );
  return (
    <>
      <Scroller label="Who was on the CPU instead" look="sideways">
        <table class="grid small">
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col" title="Compared to the thread that waited">
                Its rank
              </th>
              <th scope="col" class="number" title="With interrupts that came in meanwhile">
                Time
              </th>
              <th scope="col" class="number" title="Of the time on the run queue">
                Share
              </th>
            </tr>
          </thead>
          <tbody>
            {wait.competitors.map((one, i) => (
              <tr key={i}>
                <th scope="row">
                  <CompetitorName one={one} />
                </th>
                <td>
                  <span class={`swatch of-${one.bucket}`} aria-hidden="true" />{" "}
                  <Foreign text={bucketName(one.bucket)} />
                </td>
                <td class="number">{duration(one.ns)}</td>
                <td class="number">{share(one.ns, queuedNs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
      {known}
    </>
  );
}

function CompetitorName({ one }: { one: Competitor }) {
  if (one.pid < 0) return <span class="quiet">several others, each for less</span>;
  return <Task comm={one.comm} pid={one.pid} />;
}

function Chain({ wait, thread }: { wait: WorstWait; thread: ThreadSummary }) {
  if (wait.chain.length === 0) return <p class="quiet">Not known.</p>;
  const woken = (i: number) => {
    const link = wait.chain[i - 1];
    return link === undefined ? <Task comm={thread.comm} pid={thread.pid} /> : <By link={link} />;
  };
  return (
    <Scroller label="Who woke whom" look="sideways">
      <table class="grid small">
        <thead>
          <tr>
            <th scope="col">Woken</th>
            <th scope="col">By</th>
            <th scope="col" class="number">
              On CPU
            </th>
            <th scope="col" class="number" title="Since this wakeup's sched_waking">
              At
            </th>
            <th scope="col" class="number" title="From its sched_waking to the switch to it">
              Ran after
            </th>
          </tr>
        </thead>
        <tbody>
          {wait.chain.map((link, i) => (
            <tr key={i}>
              <th scope="row">{woken(i)}</th>
              <td>
                <By link={link} />
              </td>
              <td class="number">{link.cpu}</td>
              <td class="number">{link.wakingNs === 0n ? "–" : offset(link.wakingNs - wait.wakingNs)}</td>
              <td class="number">
                {link.wakingNs === 0n || link.inNs === 0n ? "–" : duration(link.inNs - link.wakingNs)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}

function By({ link }: { link: ChainLink }) {
  return (
    <>
      {link.pid === undefined ? (
        <Foreign text={link.context} empty="unknown" />
      ) : (
        <Task comm={link.comm} pid={link.pid} />
      )}
      {link.source !== "" && (
        <span class="quiet">
          {" "}
          <Foreign text={link.source} />
        </span>
      )}
    </>
  );
}

function Proof(props: { host: string; recording: string; pid: number; wait: WorstWait; first: boolean }) {
  const { wait, first, ...where } = props;
  const [path, setPath] = useState(false);
  const oldest = wait.chain.at(-1)?.wakingNs ?? 0n;
  return (
    <>
      {wait.events.length > 0 && (
        <details open={first}>
          <summary>{plural(wait.events.length, "event", "events")} to check it against</summary>
          <EventTable caption="Events of this wakeup, in order" startNs={wait.wakingNs} events={wait.events} />
        </details>
      )}
      <details onToggle={(event) => setPath(event.currentTarget.open)}>
        <summary>Its critical path</summary>
        {path && (
          <CriticalPath
            {...where}
            sinceNs={oldest !== 0n && oldest < wait.wakingNs ? oldest : wait.wakingNs}
            zeroNs={wait.wakingNs}
            untilNs={wait.inNs}
          />
        )}
      </details>
    </>
  );
}
