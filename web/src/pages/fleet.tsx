import type { Feed } from "../api/feed";
import { HostStatus, type Host } from "../gen/wakewatch/v1/fleet_pb";
import { Confidence } from "../gen/wakewatch/v1/findings_pb";
import { Empty, Fed } from "../parts/feed_note";
import { ConfidenceGlyph, StatusMark, WarningGlyph } from "../parts/marks";
import { Spark } from "../parts/spark";
import { Table, type Column } from "../parts/table";
import { Ago, Figure, Foreign } from "../parts/text";
import { useSort } from "../parts/use_sort";
import { hostAddress, kFleetAddress, kImportAddress } from "../router";
import { confidenceName } from "../state/findings";
import { isSteppedDown, totals, type HostEntry, type Hosts } from "../state/hosts";
import { atLeast, bytes, count, duration, roughCount } from "../text/units";
import { visible } from "../text/visible";
import { WorstFinding } from "./worst_finding";

const kLagWorthNoting = 5_000_000_000n;

const kWorstFirst = { column: "excess", descending: true };

const kConfident: readonly [Confidence, (host: Host) => bigint][] = [
  [Confidence.PROVEN, (host) => host.findingsProven],
  [Confidence.STRONG, (host) => host.findingsStrong],
  [Confidence.SUSPICIOUS, (host) => host.findingsSuspicious],
];

/** A server that does not count by confidence says 0 of each. */
const areCounted = (host: Host) => kConfident.reduce((sum, [, of]) => sum + of(host), 0n) === host.findings;

function ByConfidence({ confidence, host, many }: { confidence: Confidence; host: Host; many: bigint }) {
  if (!areCounted(host)) return <span class="quiet">–</span>;
  if (many === 0n) return <>0</>;
  const address = hostAddress(host.name, "findings", { confidence: confidenceName(confidence), user: 1 });
  return (
    <a class="mark" href={address} title={`${confidenceName(confidence)} and surer`}>
      <ConfidenceGlyph confidence={confidence} /> {count(many)}
    </a>
  );
}

const kColumns: readonly Column<HostEntry>[] = [
  {
    id: "name",
    title: "Host",
    rem: 10.5,
    value: ({ host }) => host.name,
    cell: ({ host }) => (
      <a href={hostAddress(host.name)}>
        <Foreign text={host.name} />
      </a>
    ),
  },
  {
    id: "status",
    title: "Status",
    rem: 8.5,
    value: ({ host }) => host.status,
    raw: ({ host }) => HostStatus[host.status].toLowerCase(),
    cell: ({ host }) => <StatusMark status={host.status} />,
  },
  {
    id: "excess",
    title: "Worst excess",
    rem: 8.2,
    numeric: true,
    unit: "ns",
    hint: "The longest latency that a scheduler without fault would have spared a kernel thread of the recording",
    value: ({ host }) => host.worstExcessNs,
    cell: ({ host }) =>
      host.worstExcessNs === 0n ? (
        "–"
      ) : (
        <a href={hostAddress(host.name, "delays", { by: "thread", sort: "-excess.max" })}>
          {duration(host.worstExcessNs)}
        </a>
      ),
  },
  {
    id: "findings",
    title: "all",
    group: "Findings",
    rem: 4.8,
    numeric: true,
    value: ({ host }) => host.findings,
    hint: "Those of user tasks included",
    cell: ({ host }) => <a href={hostAddress(host.name, "findings")}>{count(host.findings)}</a>,
  },
  ...kConfident.map(([confidence, of]): Column<HostEntry> => ({
    id: confidenceName(confidence),
    title: confidenceName(confidence),
    group: "Findings",
    exportAs: `findings_${confidenceName(confidence)}`,
    rem: confidence === Confidence.SUSPICIOUS ? 6.4 : 5.4,
    numeric: true,
    value: ({ host }) => of(host),
    raw: ({ host }) => (areCounted(host) ? of(host) : null),
    hint: `Findings that are ${confidenceName(confidence)}, those of user tasks included`,
    cell: ({ host }) => <ByConfidence confidence={confidence} host={host} many={of(host)} />,
  })),
  {
    id: "kernel",
    title: "Kernel",
    rem: 9.8,
    spare: 2,
    value: ({ host }) => host.kernel,
    cell: ({ host }) => (
      <span title={visible(host.kernel)}>
        <Foreign text={host.kernel} empty="–" />
      </span>
    ),
  },
  {
    id: "cpus",
    title: "CPUs",
    rem: 4,
    spare: 3,
    numeric: true,
    value: ({ host }) => host.cpus,
    cell: ({ host }) => host.cpus || "–",
  },
  {
    id: "profile",
    title: "Profile",
    rem: 6.2,
    spare: 1,
    value: ({ host }) => host.profile,
    hint: "Which events its collector records",
    cell: ({ host }) => <Profile entry={{ host }} />,
  },
  {
    id: "events",
    exportAs: "events_per_s",
    title: "Events/s",
    rem: 8.6,
    numeric: true,
    value: ({ host }) => host.eventsPerS,
    hint: "Stored over the last seconds; the line is the last minute",
    cell: ({ host, rates }) => (
      <>
        <Spark values={rates} label={`Events per second of ${host.name}, the last minute`} />
        {roughCount(host.eventsPerS)}
      </>
    ),
  },
  {
    id: "bytes",
    exportAs: "bytes_per_s",
    title: "Bytes/s",
    rem: 5.4,
    spare: 4,
    numeric: true,
    value: ({ host }) => host.bytesPerS,
    cell: ({ host }) => bytes(host.bytesPerS),
  },
  {
    id: "lag",
    title: "Lag",
    rem: 5.4,
    numeric: true,
    hint: "Between now and what has been analysed",
    unit: "ns",
    raw: ({ host }) => (host.status === HostStatus.STREAMING ? host.lagNs : null),
    value: ({ host }) => (host.status === HostStatus.STREAMING ? host.lagNs : -1n),
    cell: ({ host }) =>
      host.status === HostStatus.STREAMING ? (
        <Figure text={duration(host.lagNs)} tone={host.lagNs > kLagWorthNoting ? "strong-warn" : undefined} />
      ) : (
        <span class="quiet" title="Since its last batch">
          <Ago realNs={host.lastBatchRealNs} />
        </span>
      ),
  },
  {
    id: "lost",
    title: "Lost",
    rem: 6,
    numeric: true,
    value: ({ host }) => host.lostEvents,
    also: [{ name: "lost_unknown", raw: ({ host }) => host.lostUnknown }],
    hint: "Events lost before they were stored; ≥: some losses were not counted",
    cell: ({ host }) => (
      <Figure
        text={atLeast(host.lostEvents, host.lostUnknown)}
        tone={host.lostEvents > 0n || host.lostUnknown ? "strong-bad" : undefined}
      />
    ),
  },
  {
    id: "gaps",
    title: "Gaps",
    rem: 4.6,
    numeric: true,
    value: ({ host }) => host.gaps,
    hint: "Spans of one CPU of which nothing is known",
    cell: ({ host }) => <Figure text={count(host.gaps)} tone={host.gaps > 0n ? "strong-bad" : undefined} />,
  },
  {
    id: "late",
    title: "Late",
    rem: 4.6,
    spare: 6,
    numeric: true,
    value: ({ host }) => host.lateEvents,
    hint: "Events that arrived after their time had been analysed",
    cell: ({ host }) => count(host.lateEvents),
  },
  {
    id: "queue",
    exportAs: "queue_bytes",
    title: "Queue",
    rem: 5.4,
    spare: 5,
    numeric: true,
    value: ({ host }) => host.queueBytes,
    hint: "Waits in the collector",
    cell: ({ host }) => bytes(host.queueBytes),
  },
  {
    id: "dropped",
    title: "Dropped",
    rem: 5.8,
    numeric: true,
    value: ({ host }) => host.droppedEvents,
    hint: "By the collector, because its queue was full",
    cell: ({ host }) => (
      <Figure text={count(host.droppedEvents)} tone={host.droppedEvents > 0n ? "strong-bad" : undefined} />
    ),
  },
  {
    id: "refused",
    title: "Refused",
    rem: 5.6,
    numeric: true,
    value: ({ host }) => host.refusedBatches,
    hint: "Batches that did not validate",
    cell: ({ host }) => (
      <Figure text={count(host.refusedBatches)} tone={host.refusedBatches > 0n ? "strong-bad" : undefined} />
    ),
  },
];

function Profile({ entry }: { entry: Pick<HostEntry, "host"> }) {
  const { host } = entry;
  if (!isSteppedDown(host)) return <Foreign text={host.profile} empty="–" />;
  return (
    <span class="mark" title={visible(`Stepped down from ${host.profileWanted}`)}>
      <WarningGlyph />
      <Foreign text={host.profile} empty="none" />
    </span>
  );
}

/** What a host has to say beyond figures. */
function remarks({ host }: HostEntry): string[] {
  const list: string[] = [];
  if (isSteppedDown(host)) {
    list.push(`Stepped down: it records “${host.profile}”, configured is “${host.profileWanted}”, to spare the host.`);
  }
  if (host.refusedBatches > 0n && host.lastRefusal !== "") list.push(`Last batch refused: ${host.lastRefusal}`);
  list.push(...host.warnings);
  return list;
}

export function Remarks({ entry }: { entry: HostEntry }) {
  const list = remarks(entry);
  if (list.length === 0) return null;
  return (
    <ul class="remarks">
      {list.map((text, i) => (
        <li key={i}>
          <WarningGlyph /> <Foreign text={text} />
        </li>
      ))}
    </ul>
  );
}

function Tile({ title, value, note }: { title: string; value: string; note?: string }) {
  return (
    <div class="tile">
      <dt>{title}</dt>
      <dd>
        {value}
        {note === undefined ? null : <span class="quiet"> {note}</span>}
      </dd>
    </div>
  );
}

interface Props {
  hosts: Hosts;
  feed: Feed;
  query: URLSearchParams;
}

export function FleetPage({ hosts, feed, query }: Props) {
  const entries = [...hosts.byName.values()];
  const { sort, onSort } = useSort(query, kColumns, kWorstFirst);
  const sum = totals(entries.map(({ host }) => host));
  return (
    <>
      <div class="headed">
        <h1>Fleet</h1>
        <a class="button" href={kImportAddress}>
          Import a trace
        </a>
      </div>
      <Fed feed={feed} what="list of hosts">
        {entries.length === 0 ? (
          <Empty title="No host has delivered anything yet">
            Start a collector on a host: <code>wakewatch-collector --server HOST:PORT</code>. It appears here by itself.
            Or drop a trace anywhere on this page.
          </Empty>
        ) : (
          <>
            <dl class="tiles">
              <Tile title="Streaming" value={count(sum.streaming)} note={`of ${count(sum.hosts)} hosts`} />
              <Tile title="Events" value={`${roughCount(sum.eventsPerS)}/s`} note={`${bytes(sum.bytesPerS)}/s`} />
              <Tile title="Lost events" value={atLeast(sum.lost, sum.lostUnknown)} />
              <Tile title="Findings" value={count(sum.findings)} note="user tasks too" />
            </dl>
            <WorstFinding />
            <Table
              caption="Hosts"
              columns={kColumns}
              rows={entries}
              rowKey={({ host }) => host.name}
              sort={sort}
              onSort={onSort}
              more={(entry) => (remarks(entry).length > 0 ? <Remarks entry={entry} /> : null)}
              onOpen={({ host }) => (window.location.hash = hostAddress(host.name))}
              empty="No host"
            />
          </>
        )}
      </Fed>
    </>
  );
}

export function UnknownPage({ path }: { path: string }) {
  return (
    <Empty title="There is no such page">
      <Foreign text={path} /> leads nowhere. <a href={kFleetAddress}>Go to the fleet</a>.
    </Empty>
  );
}
