import { analysis, findings, kUnaryMs } from "../api/client";
import { usePoll, useStream } from "../api/hooks";
import type { Finding, WatchFindingsResponse } from "../gen/wakewatch/v1/findings_pb";
import { CopyButton } from "../parts/copy";
import { EventTable } from "../parts/events";
import { Fact } from "../parts/fact";
import { Fed } from "../parts/feed_note";
import { ConfidenceMark, OpenMark, WarningGlyph } from "../parts/marks";
import { FindingHistory } from "./finding_history";
import { Scroller } from "../parts/scroller";
import { Story } from "../parts/story";
import { TriagePanel } from "../parts/triage";
import { Foreign, Task, When } from "../parts/text";
import { At, OfClock } from "../parts/times";
import {
  findingsAddress,
  hostAddress,
  protocolAddress,
  protocolsAddress,
  threadAddress,
  timelineAddress,
} from "../router";
import { inTime, kNoLiveFindings, newestOf, openWords, type LiveFindings } from "../state/findings";
import { placeOf, roleWords, stateOf } from "../state/snapshots";
import { spanAround } from "../state/span";
import type { TraceClock } from "../text/clock_modes";
import { offset } from "../text/times";
import { duration } from "../text/units";
import { visible } from "../text/visible";
import { jumpTo } from "../timeline/jump";

export function FindingPage({ host, id }: { host: string; id: string }) {
  const { state, feed } = usePoll(
    `finding ${host} ${id}`,
    (signal) => findings.getFinding({ host, id }, { signal, timeoutMs: kUnaryMs }),
    Infinity,
  );
  const finding = state?.finding;
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href={findingsAddress()}>Findings</a> /{" "}
        <a href={hostAddress(host)}>
          <Foreign text={host} />
        </a>
      </nav>
      <Fed feed={feed} what="finding">
        {finding && (finding.open ? <OpenBody finding={finding} /> : <Body finding={finding} />)}
      </Fed>
    </>
  );
}

/** What has not ended is followed until it has. */
function OpenBody({ finding }: { finding: Finding }) {
  const { host, id } = finding;
  const watched = useStream<WatchFindingsResponse, LiveFindings>(
    `watch ${host} ${id}`,
    (signal) => findings.watchFindings({ host, backlog: kBacklog }, { signal }),
    kNoLiveFindings,
    (live, message) => {
      const own = message.findings.filter((one) => one.id === id && one.host === host);
      return own.length === 0 ? live : { ...live, findings: own };
    },
  );
  return <Body finding={newestOf(finding, watched.state)} />;
}

const kBacklog = 1000; // it may have ended between the two questions
const kAroundNs = 50_000_000n;

/** Relative is relative to the begin of the wait. */
function clockOf({ startNs, startRealNs }: Finding): TraceClock {
  return { startNs, realMinusTraceNs: startRealNs === 0n ? 0n : startRealNs - startNs };
}

function Body({ finding }: { finding: Finding }) {
  const model = usePoll("checks", (signal) => analysis.getModel({}, { signal, timeoutMs: kUnaryMs }), Infinity);
  const check = model.state?.checks.find(({ name }) => name === finding.check);
  return (
    <OfClock clock={clockOf(finding)}>
      <article>
        <div class="headed">
          <h1>
            <Foreign text={finding.check} />
            {finding.class !== "" && (
              <span class="quiet">
                <Foreign text={finding.class} />
              </span>
            )}
            <ConfidenceMark confidence={finding.confidence} />
            {finding.open && <OpenMark words={openWords(finding.check)} />}
          </h1>
          <CopyButton text={() => window.location.href} what="link" />
        </div>
        <div class="finding">
          <div>
            <p class="explanation">
              <Foreign text={finding.explanation} empty="No explanation was given." />
            </p>
            {check && (
              <p class="quiet">
                What this check looks for: <Foreign text={check.description} />
              </p>
            )}
            <Reasons finding={finding} />
            <HowItIsLost finding={finding} />
          </div>
          <div class="proof">
            <Facts finding={finding} />
            <Evidence finding={finding} />
            <Snapshots finding={finding} />
          </div>
          <div class="said">
            <TriagePanel host={finding.host} groupId={finding.groupId} />
          </div>
        </div>
        <FindingHistory key={finding.groupId} finding={finding} />
      </article>
    </OfClock>
  );
}

function Facts({ finding }: { finding: Finding }) {
  return (
    <dl class="facts">
      <Fact name="Thread">
        <a href={threadAddress(finding.host, finding.pid, { recording: finding.recording })}>
          <Task comm={finding.comm} pid={finding.pid} />
        </a>
      </Fact>
      <Fact name="Waited">
        <strong>{duration(finding.waitedNs)}</strong>
      </Fact>
      <Fact name={finding.open ? "Last on CPU" : "Ended on CPU"}>{finding.cpu ?? "not known"}</Fact>
      <Fact name="Waker">
        {finding.wakerPid === undefined ? (
          <span class="quiet">an interrupt, or not known</span>
        ) : (
          <Task comm={finding.wakerComm} pid={finding.wakerPid} />
        )}
      </Fact>
      {finding.startRealNs !== 0n && (
        <Fact name="Began">
          <When realNs={finding.startRealNs} />
        </Fact>
      )}
      <Fact name="Trace time" wide>
        <At ns={finding.startNs} /> to <At ns={finding.endNs} />
      </Fact>
      {finding.foundRealNs !== 0n && (
        <Fact name="Found">
          <When realNs={finding.foundRealNs} />
        </Fact>
      )}
      <Fact name="Group">
        <a href={findingsAddress({ host: finding.host, group: finding.groupId, view: "all", user: "1" })}>
          <code>{visible(finding.groupId)}</code>
        </a>
      </Fact>
      <Fact name="Recording" wide>
        <Foreign text={finding.recording} empty="–" />
      </Fact>
      <Fact name="Id" wide>
        <code>{visible(finding.id)}</code> <CopyButton text={finding.id} what="id" />
      </Fact>
    </dl>
  );
}

function Evidence({ finding }: { finding: Finding }) {
  return (
    <>
      <h2>Evidence</h2>
      <p>
        <a href={onTimeline(finding)}>Show on the timeline</a>,{" "}
        <a href={hostAddress(finding.host, "delays", aroundStart(finding))}>or where the time around it went</a>.
      </p>
      <Scroller label="The wait and its events" look="across">
        <Story finding={finding} />
      </Scroller>
      {finding.evidence.length === 0 ? (
        <p class="quiet">This finding names no single event.</p>
      ) : (
        <EventTable
          caption="Events that prove it, in order"
          startNs={finding.startNs}
          events={inTime(finding.evidence)}
          addressOf={({ tsNs }) =>
            timelineAddress(finding.host, { recording: finding.recording, ...jumpTo(tsNs, tsNs, finding.pid) })
          }
        />
      )}
    </>
  );
}

function onTimeline({ host, recording, id, pid, startNs, endNs }: Finding): string {
  return timelineAddress(host, { recording, ...jumpTo(startNs, endNs, pid, { kind: "finding", id }) });
}

const aroundStart = ({ recording, startNs }: Finding) => ({ recording, ...spanAround(startNs, kAroundNs) });

/** What the protocol checker knows of this class of lost wakeups. */
function HowItIsLost({ finding }: { finding: Finding }) {
  if (finding.check !== "lost-wakeup" || finding.class === "") return null;
  return (
    <p>
      {finding.protocol === "" ? (
        <a href={protocolsAddress({ class: finding.class })}>How wakeups are lost like this</a>
      ) : (
        <>
          How it is lost, step by step: <a href={protocolAddress(finding.protocol)}>{visible(finding.protocol)}</a>
        </>
      )}
    </p>
  );
}

/** A measured delay needs none of this. */
function Reasons({ finding }: { finding: Finding }) {
  const reasons = [
    ["Rule", finding.rule],
    ["Assumed", finding.assumption],
    ["Surer with", finding.wouldRaise],
  ].filter(([, text]) => text !== "");
  if (reasons.length === 0) return null;
  return (
    <dl class="reasons">
      {reasons.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Foreign text={text!} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Snapshots({ finding }: { finding: Finding }) {
  if (finding.snapshots.length === 0) return null;
  return (
    <section class="snapshots" aria-label="Snapshots">
      <h2>What /proc said</h2>
      <p class="quiet">
        Asked for because of this finding, and taken after its events: it supports the verdict and is no part of it.
      </p>
      {finding.snapshots.map((one) => (
        <div key={one.role}>
          <h3>
            {visible(roleWords(one.role))} <span class="quiet">{one.pid}</span>
          </h3>
          <dl class="facts">
            {one.tsNs !== 0n && <Fact name="Taken">{offset(one.tsNs - finding.startNs)} after it began</Fact>}
            {stateOf(one.status) !== "" && (
              <Fact name="State">
                <Foreign text={stateOf(one.status)} />
              </Fact>
            )}
            {placeOf(one.wchan) !== "" && (
              <Fact name="Sleeps in">
                <code>{visible(placeOf(one.wchan))}</code>
              </Fact>
            )}
          </dl>
          {one.error !== "" && (
            <p>
              <WarningGlyph /> <Foreign text={one.error} />
            </p>
          )}
          {one.stack !== "" && <pre class="stack">{one.stack.split("\n").map(visible).join("\n")}</pre>}
        </div>
      ))}
    </section>
  );
}
