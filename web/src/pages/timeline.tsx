// What CPUs and threads of a host did, moment by moment.
import { useMemo, useRef } from "preact/hooks";
import { analysis, kUnaryMs } from "../api/client";
import { isAnswered, isStale, kNewFeed, type Feed } from "../api/feed";
import { usePoll } from "../api/hooks";
import { Empty, Fed } from "../parts/feed_note";
import { RecordingChoice, useRecording, type Chosen } from "../parts/recording";
import { Foreign } from "../parts/text";
import { hostAddress, kFleetAddress } from "../router";
import type { HostEntry } from "../state/hosts";
import { packCpus } from "../timeline/lanes";
import { Timeline } from "../timeline/timeline";

const kOverviewBins = 512;
const kOverviewMs = 30_000;

interface Props {
  host: string;
  query: URLSearchParams;
  entry: HostEntry | undefined;
  feed: Feed; // of the hosts
}

export function TimelinePage({ host, query, entry, feed: hostFeed }: Props) {
  const chosen = useRecording(host, query, entry);
  const { recording } = chosen;
  const { state, feed } = usePoll(
    `overview ${host} ${recording}`,
    (signal) =>
      analysis.getTimeline({ recording: { host, recording }, binsMax: kOverviewBins }, { signal, timeoutMs: kUnaryMs }),
    chosen.grows ? kOverviewMs : Infinity,
  );
  // When a recording begins is told by both; a page that was made without it would have to be made again.
  const told = chosen.answered && isAnswered(hostFeed);
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href={kFleetAddress}>Fleet</a> /{" "}
        <a href={hostAddress(host)}>
          <Foreign text={host} />
        </a>
      </nav>
      <h1>
        Timeline
        <span class="quiet">
          <Foreign text={host} />
        </span>
      </h1>
      <div class={isStale(hostFeed) ? "dimmed" : undefined}>{chosen.loss}</div>
      <div class="toolbar">
        <RecordingChoice chosen={chosen} />
      </div>
      <Fed feed={feed.hasData && !told ? kNewFeed : feed} what="timeline">
        {state !== undefined && state.lanes.length === 0 && (
          <Empty title="Nothing was recorded yet">As soon as there are events, they are shown here.</Empty>
        )}
        {state !== undefined && state.lanes.length > 0 && (
          <Shown chosen={chosen} query={query} entry={entry} overview={state} />
        )}
      </Fed>
    </>
  );
}

interface ShownProps {
  chosen: Chosen;
  query: URLSearchParams;
  entry: HostEntry | undefined;
  overview: Parameters<typeof packCpus>[0];
}

function Shown({ chosen, query, entry, overview }: ShownProps) {
  const { host, recording, listed } = chosen;
  // The overview has whole bins; the catalogue tells the first and the last event, if a bit late.
  const known = listed !== undefined && listed.endNs > listed.startNs && listed.startNs > 0n;
  // Where times of the page count from stays, whatever else becomes known of the recording.
  const origin = useRef<{ of: string; ns: bigint }>();
  const of = `${host} ${recording}`;
  if (origin.current?.of !== of) origin.current = { of, ns: known ? listed.startNs : overview.startNs };
  const originNs = origin.current.ns;
  const lastNs = [known ? listed.endNs : overview.endNs, chosen.grows ? chosen.endNs : 0n].reduce((a, b) =>
    a > b ? a : b,
  );
  const watched = chosen.grows && entry !== undefined && entry.host.watermarkRealNs > 0n ? entry.host : undefined;
  const startRealNs = known && listed.startRealNs > 0n ? listed.startRealNs + originNs - listed.startNs : 0n;
  const originRealNs =
    startRealNs > 0n
      ? startRealNs
      : watched === undefined
        ? 0n
        : watched.watermarkRealNs - (watched.watermarkNs - originNs);
  const packed = useMemo(() => packCpus(overview, originNs), [overview, originNs]);
  return (
    <Timeline
      key={of}
      source={{ host, recording, originNs }}
      bounds={{ start: 0, end: Number(lastNs - originNs) }}
      end={Number(lastNs - originNs)}
      originRealNs={originRealNs > 0n ? originRealNs : 0n}
      cpus={overview.lanes.map(({ cpu }) => cpu).sort((a, b) => a - b)}
      overview={packed}
      query={query}
      live={chosen.grows}
    />
  );
}
