import { isStale, type Feed } from "../api/feed";
import { HostStatus, type Host } from "../gen/wakewatch/v1/fleet_pb";
import { StatusMark, WarningGlyph } from "../parts/marks";
import { Foreign, When } from "../parts/text";
import { hostAddress, kFleetAddress, kHostTabs, type HostTab } from "../router";
import { hasLoss, isSteppedDown, type HostEntry } from "../state/hosts";
import { atLeast, bytes, count, duration, plural, roughCount } from "../text/units";
import { Remarks } from "./fleet";
import { HostFindings } from "./findings";
import { SoftirqsTab } from "./softirqs";
import { ThreadsTab } from "./threads";
import { WorkTab } from "./work";
import type { ComponentChildren } from "preact";

const kTabNames: Record<HostTab, string> = {
  threads: "Kernel threads",
  work: "Work functions",
  softirqs: "Softirqs",
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
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href={kFleetAddress}>Fleet</a>
      </nav>
      <h1>
        <Foreign text={name} />
        {entry && <StatusMark status={entry.host.status} />}
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
      </nav>
      {tab === "threads" && <ThreadsTab host={name} query={query} />}
      {tab === "work" && <WorkTab host={name} query={query} />}
      {tab === "softirqs" && <SoftirqsTab host={name} query={query} />}
      {tab === "findings" && <HostFindings host={name} query={query} />}
    </>
  );
}

function HostHead({ entry }: { entry: HostEntry }) {
  const { host } = entry;
  const streaming = host.status === HostStatus.STREAMING;
  return (
    <>
      {hasLoss(host) && <LossBanner host={host} />}
      <dl class="facts">
        <Fact name="Kernel">
          <Foreign text={host.kernel} empty="–" />
        </Fact>
        <Fact name="CPUs">{host.cpus}</Fact>
        <Fact name="Profile">
          <Foreign text={host.profile} empty="–" />
          {isSteppedDown(host) && (
            <span class="quiet">
              {" "}
              stepped down from <Foreign text={host.profileWanted} />
            </span>
          )}
        </Fact>
        <Fact name="Ingest">
          {roughCount(host.eventsPerS)} events/s, {bytes(host.bytesPerS)}/s
        </Fact>
        <Fact name="Events">{count(host.events)}</Fact>
        <Fact name="Lag">{streaming ? duration(host.lagNs) : "–"}</Fact>
        <Fact name="Late events">{count(host.lateEvents)}</Fact>
        <Fact name="Queue">{bytes(host.queueBytes)}</Fact>
        <Fact name="Last batch">
          <When realNs={host.lastBatchRealNs} />
        </Fact>
        <Fact name="Analysed up to">
          <When realNs={host.watermarkRealNs} brief />
        </Fact>
        <Fact name="Recording">
          <Foreign text={host.recording} empty="–" />
        </Fact>
        <Fact name="Boot">
          <Foreign text={host.bootId} empty="–" />
        </Fact>
        <Fact name="Collector">
          <Foreign text={host.collectorVersion} empty="–" />
        </Fact>
      </dl>
      <Remarks entry={entry} />
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function LossBanner({ host }: { host: Host }) {
  const lost = host.lostEvents > 0n || host.lostUnknown;
  return (
    <div class="note bad loss" role="alert">
      <WarningGlyph />
      <div>
        <p>
          <strong>
            {lost ? `${atLeast(host.lostEvents, host.lostUnknown)} events were lost` : "Events are missing"}
            {` in ${plural(host.gaps, "gap", "gaps")} of this recording`}
          </strong>
          {host.lostUnknown ? "; of some gaps nobody counted how many." : "."}
          {host.droppedEvents > 0n &&
            ` The collector dropped ${plural(host.droppedEvents, "event", "events")} because its queue was full.`}
        </p>
        <p>
          A wait that touches a gap counts as unknown (“voided”). It is never measured, and it is in no figure and no
          finding on this page.
        </p>
      </div>
    </div>
  );
}
