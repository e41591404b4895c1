import { analysis, findings, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { Finding } from "../gen/wakewatch/v1/findings_pb";
import { CopyButton } from "../parts/copy";
import { EventTable } from "../parts/events";
import { Fact } from "../parts/fact";
import { Fed } from "../parts/feed_note";
import { ConfidenceMark } from "../parts/marks";
import { Story } from "../parts/story";
import { Foreign, Task, When } from "../parts/text";
import { findingsAddress, hostAddress } from "../router";
import { traceTime } from "../text/times";
import { duration } from "../text/units";
import { visible } from "../text/visible";

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
        {finding && <Body finding={finding} />}
      </Fed>
    </>
  );
}

function Body({ finding }: { finding: Finding }) {
  const model = usePoll("checks", (signal) => analysis.getModel({}, { signal, timeoutMs: kUnaryMs }), Infinity);
  const check = model.state?.checks.find(({ name }) => name === finding.check);
  return (
    <article>
      <h1>
        <Foreign text={finding.check} />
        {finding.class !== "" && (
          <span class="quiet">
            <Foreign text={finding.class} />
          </span>
        )}
        <ConfidenceMark confidence={finding.confidence} />
      </h1>
      <p class="explanation">
        <Foreign text={finding.explanation} empty="No explanation was given." />
      </p>
      {check && (
        <p class="quiet">
          What this check looks for: <Foreign text={check.description} />
        </p>
      )}
      <dl class="facts">
        <Fact name="Thread">
          <a href={hostAddress(finding.host, "threads", { pid: finding.pid })}>
            <Task comm={finding.comm} pid={finding.pid} />
          </a>
        </Fact>
        <Fact name="Waited">
          <strong>{duration(finding.waitedNs)}</strong>
        </Fact>
        <Fact name="Ended on CPU">{finding.cpu ?? "not known"}</Fact>
        <Fact name="Waker">
          {finding.wakerPid === undefined ? (
            <span class="quiet">an interrupt, or not known</span>
          ) : (
            <Task comm={finding.wakerComm} pid={finding.wakerPid} />
          )}
        </Fact>
        <Fact name="Began">
          <When realNs={finding.startRealNs} />
        </Fact>
        <Fact name="Trace time">
          {traceTime(finding.startNs)} to {traceTime(finding.endNs)} s
        </Fact>
        {finding.foundRealNs !== 0n && (
          <Fact name="Found">
            <When realNs={finding.foundRealNs} />
          </Fact>
        )}
        <Fact name="Recording">
          <Foreign text={finding.recording} empty="–" />
        </Fact>
        <Fact name="Group">
          <code>{visible(finding.groupId)}</code>
        </Fact>
        <Fact name="Id">
          <code>{visible(finding.id)}</code> <CopyButton text={finding.id} what="id" />
        </Fact>
      </dl>
      <h2>Evidence</h2>
      <div class="across">
        <Story finding={finding} />
      </div>
      {finding.evidence.length === 0 ? (
        <p class="quiet">This finding names no single event.</p>
      ) : (
        <EventTable caption="Events that prove it, in order" startNs={finding.startNs} events={finding.evidence} />
      )}
    </article>
  );
}
