import { recordingText } from "../compare/side";
import { isStale, type Feed } from "../api/feed";
import { HostStatus } from "../gen/wakewatch/v1/fleet_pb";
import { Fact } from "../parts/fact";
import { LossBanner } from "../parts/loss";
import { StatusMark, WarningGlyph } from "../parts/marks";
import { useTraceClock } from "../parts/recording";
import { Foreign, When } from "../parts/text";
import { OfClock } from "../parts/times";
import { compareAddress, hostAddress, kFleetAddress, kHostTabs, timelineAddress, type HostTab } from "../router";
import { hasLoss, isSteppedDown, type HostEntry } from "../state/hosts";
import { bytes, count, duration, roughCount } from "../text/units";
import { DelaysTab } from "./delays";
import { Remarks } from "./fleet";
import { HostFindings } from "./findings";
import { ModelTab } from "./model";
import { SoftirqsTab } from "./softirqs";
import { ThreadsTab } from "./threads";
import { WorkTab } from "./work";

const kTabNames: Record<HostTab, string> = {
  threads: "Kernel threads",
  work: "Work functions",
  softirqs: "Softirqs",
  delays: "Where the time went",
  model: "Scheduler rules",
  findings: "Findings",
};

interface Props {
  name: string;
  tab: HostTab;
  query: URLSearchParams;
  entry: HostEntry | undefined;
  feed: Feed;
}

export function HostPage({ name, tab, query, entry, feed }: Props) {
  return (
    <OfClock clock={useTraceClock(name, query, entry)}>
      <nav class="crumbs" aria-label="Where you are">
        <a href={kFleetAddress}>Fleet</a>
      </nav>
      <h1>
        <Foreign text={name} />
        {entry && <StatusMark status={entry.host.status} />}
        <span class="quiet">
          <a href={compareAddress({ after: recordingText(name, entry?.host.recording ?? "") })}>
            Compare with another recording
          </a>
        </span>
      </h1>
      {entry && (
        <div class={isStale(feed) ? "dimmed" : undefined}>
          <HostHead entry={entry} />
        </div>
      )}
      {!entry && feed.hasData && (
        <div class="note warn" role="status">
          <WarningGlyph />
          <span>The server knows no host of this name now. If one appears, this page shows it.</span>
        </div>
      )}
      <nav class="tabs" aria-label="What of this host">
        {kHostTabs.map((one) => (
          <a key={one} href={hostAddress(name, one)} aria-current={one === tab ? "page" : undefined}>
            {kTabNames[one]}
            {one === "findings" && entry && (
              <span class="badge" title="Those of user tasks included">
                {count(entry.host.findings)}
              </span>
            )}
          </a>
        ))}
        <a href={timelineAddress(name)}>Timeline</a>
      </nav>
      {tab === "threads" && <ThreadsTab host={name} query={query} />}
      {tab === "work" && <WorkTab host={name} query={query} />}
      {tab === "softirqs" && <SoftirqsTab host={name} query={query} />}
      {tab === "delays" && <DelaysTab host={name} query={query} entry={entry} />}
      {tab === "model" && <ModelTab host={name} query={query} entry={entry} />}
      {tab === "findings" && <HostFindings host={name} query={query} />}
    </OfClock>
  );
}

function HostHead({ entry }: { entry: HostEntry }) {
  const { host } = entry;
  const streaming = host.status === HostStatus.STREAMING;
  const ended = host.status === HostStatus.ENDED;
  return (
    <>
      {hasLoss(host) && <LossBanner host={host} />}
      <dl class="facts">
        <Fact name="Kernel">
          <Foreign text={host.kernel} empty="–" />
        </Fact>
        <Fact name="CPUs">{host.cpus || "–"}</Fact>
        <Fact name="Profile">
          <Foreign text={host.profile} empty="–" />
          {isSteppedDown(host) && (
            <span class="quiet">
              {" "}
              stepped down from <Foreign text={host.profileWanted} />
            </span>
          )}
        </Fact>
        {!ended && (
          <>
            <Fact name="Ingest">
              {roughCount(host.eventsPerS)} events/s, {bytes(host.bytesPerS)}/s
            </Fact>
            <Fact name="Lag">{streaming ? duration(host.lagNs) : "–"}</Fact>
            <Fact name="Queue">{bytes(host.queueBytes)}</Fact>
          </>
        )}
        <Fact name="Events">{count(host.events)}</Fact>
        <Fact name="Late events">{count(host.lateEvents)}</Fact>
        {host.lastBatchRealNs !== 0n && (
          <Fact name="Last batch">
            <When realNs={host.lastBatchRealNs} />
          </Fact>
        )}
        {host.watermarkRealNs !== 0n && (
          <Fact name="Analysed up to">
            <When realNs={host.watermarkRealNs} brief />
          </Fact>
        )}
        <Fact name="Collector">
          <Foreign text={host.collectorVersion} empty="–" />
        </Fact>
        <Fact name="Recording" wide>
          <Foreign text={host.recording} empty="–" />
        </Fact>
        <Fact name="Boot" wide>
          <Foreign text={host.bootId} empty="–" />
        </Fact>
      </dl>
      <Remarks entry={entry} />
    </>
  );
}
