import { useMemo, useRef, useState } from "preact/hooks";
import { analysis, findings, fleet, kUnaryMs } from "../api/client";
import { worstFeed } from "../api/feed";
import { useAnnotations } from "../api/annotations";
import { usePoll, useStream } from "../api/hooks";
import type { Finding, WatchFindingsResponse } from "../gen/wakewatch/v1/findings_pb";
import { Began } from "../parts/began";
import { Choice } from "../parts/choice";
import { Fed } from "../parts/feed_note";
import { ConfidenceMark, OpenMark, WarningGlyph } from "../parts/marks";
import { Table, type Column } from "../parts/table";
import { Foreign, Task } from "../parts/text";
import { useSort } from "../parts/use_sort";
import { findingAddress, replaceQuery } from "../router";
import {
  filterOf,
  confidenceName,
  findingKey,
  kConfidences,
  kNoLiveFindings,
  mergeFindings,
  openWords,
  reduceFindings,
  whenNs,
  type Filter,
  type LiveFindings,
} from "../state/findings";
import { isMuted } from "../state/triage";
import { count, duration, plural } from "../text/units";
import { visible } from "../text/visible";
import { FindingGroups } from "./finding_groups";

const kListed = 500;
const kRelistMs = 30_000;

const kColumns: readonly Column<Finding>[] = [
  {
    id: "time",
    title: "When",
    rem: 12.5,
    numeric: true,
    exportAs: "start_real",
    unit: "ns",
    also: [
      { name: "start_trace_ns", raw: (one) => one.startNs },
      { name: "id", raw: (one) => one.id },
      { name: "recording", raw: (one) => one.recording },
    ],
    raw: (one) => (one.startRealNs === 0n ? null : one.startRealNs),
    value: whenNs,
    hint: "Its start on the host's wall clock, or on the trace clock where that is not known",
    cell: (one) => (
      <a href={findingAddress(one.host, one.id)}>
        <Began realNs={one.startRealNs} traceNs={one.startNs} />
      </a>
    ),
  },
  { id: "host", title: "Host", rem: 9, value: (one) => one.host, cell: (one) => <Foreign text={one.host} /> },
  {
    id: "confidence",
    title: "Confidence",
    rem: 7.5,
    value: (one) => one.confidence,
    raw: (one) => confidenceName(one.confidence),
    cell: (one) => <ConfidenceMark confidence={one.confidence} />,
  },
  { id: "check", title: "Check", rem: 10, value: (one) => one.check, cell: (one) => <Foreign text={one.check} /> },
  {
    id: "class",
    title: "Class",
    rem: 9.5,
    value: (one) => one.class,
    cell: (one) => <Foreign text={one.class} empty="–" />,
  },
  {
    id: "thread",
    title: "Thread",
    rem: 10.5,
    value: (one) => one.comm,
    also: [{ name: "pid", raw: (one) => one.pid }],
    cell: (one) => <Task comm={one.comm} pid={one.pid} />,
  },
  {
    id: "cpu",
    title: "CPU",
    rem: 3.5,
    numeric: true,
    value: (one) => one.cpu ?? -1,
    raw: (one) => one.cpu ?? null,
    cell: (one) => one.cpu ?? "–",
  },
  {
    id: "waited",
    title: "Waited",
    rem: 6,
    numeric: true,
    unit: "ns",
    value: (one) => one.waitedNs,
    cell: (one) => duration(one.waitedNs),
  },
  {
    id: "open",
    title: "Over",
    rem: 8.2,
    value: (one) => Number(one.open),
    exportAs: "open",
    raw: (one) => one.open,
    cell: (one) => (one.open ? <OpenMark words={openWords(one.check)} /> : <span class="quiet">yes</span>),
  },
  {
    id: "explanation",
    title: "Explanation",
    rem: 23,
    raw: (one) => one.explanation,
    cell: (one) => (
      <span title={visible(one.explanation)}>
        <Foreign text={one.explanation} empty="–" />
      </span>
    ),
  },
];

const kHostColumns = kColumns.filter(({ id }) => id !== "host");

export function FindingsPage({ query }: { query: URLSearchParams }) {
  const filter = filterOf(query);
  return (
    <>
      <h1>Findings</h1>
      <Listed filter={filter} query={query} columns={kColumns} anyHost />
    </>
  );
}

export function HostFindings({ host, query }: { host: string; query: URLSearchParams }) {
  return <Listed filter={{ ...filterOf(query), host }} query={query} columns={kHostColumns} anyHost={false} />;
}

/** Grouped, unless they are wanted one by one. */
function Listed(props: ListProps) {
  const oneByOne = props.query.get("view") === "all" || props.filter.groupId !== "";
  return oneByOne ? <FindingList {...props} /> : <GroupList {...props} />;
}

function GroupList({ filter, query, anyHost }: ListProps) {
  const [seen, setSeen] = useState<readonly string[]>([]);
  return (
    <>
      <Filters filter={filter} anyHost={anyHost} classes={seen} grouped />
      <FindingGroups filter={filter} query={query} anyHost={anyHost} onClasses={setSeen} />
    </>
  );
}

interface ListProps {
  filter: Filter;
  query: URLSearchParams;
  columns: readonly Column<Finding>[];
  anyHost: boolean;
}

function FindingList({ filter, query, columns, anyHost }: ListProps) {
  const { sort, onSort } = useSort(query, columns, { column: "time", descending: true });
  const watched = useStream<WatchFindingsResponse, LiveFindings>(
    `findings ${filter.host} ${filter.kernelOnly}`,
    (signal) =>
      findings.watchFindings({ host: filter.host, kernelOnly: filter.kernelOnly, backlog: kListed }, { signal }),
    kNoLiveFindings,
    reduceFindings,
  );
  const worstFirst = sort.column === "waited" && sort.descending;
  const live = watched.state;
  // What the stream left out is in the list, so a miss asks for the list again.
  const listed = usePoll(
    `list ${JSON.stringify(filter)} ${worstFirst} ${live.missed}`,
    (signal) => findings.listFindings({ ...filter, limit: kListed, worstFirst }, { signal, timeoutMs: kUnaryMs }),
    kRelistMs,
  );
  // While another filter's list is on its way, what is here of it is shown.
  const before = useRef(listed.state);
  if (listed.state !== undefined) before.current = listed.state;
  const list = before.current;
  const filterText = JSON.stringify(filter);
  const said = useAnnotations(filter.host);
  const rows = useMemo(
    () =>
      mergeFindings(list?.findings ?? [], live.findings, filter, (one) => isMuted(said.byGroup, one.host, one.groupId)),
    [list, live, filterText, said.byGroup],
  );
  // The counts beside hosts are of all findings: what is left out of this one is said.
  const counted = (n: number) => plural(n, "finding", "findings") + (filter.kernelOnly ? " of kernel threads" : "");
  const total = Math.max(Number(listed.state?.total ?? 0n), rows.length);
  const open = (finding: Finding) => (window.location.hash = findingAddress(finding.host, finding.id));
  // A stream that has nothing to say yet is no reason to show nothing: the list alone makes the page.
  const feed =
    list !== undefined
      ? {
          ...(watched.feed.phase === "connecting" ? listed.feed : worstFeed([listed.feed, watched.feed])),
          hasData: true,
        }
      : listed.feed;
  return (
    <>
      <Filters filter={filter} anyHost={anyHost} classes={rows.map((one) => one.class)} grouped={false} />
      <Fed feed={feed} what="findings">
        <p class="quiet" role="status">
          {rows.length < total ? `${count(rows.length)} of ${counted(total)}` : counted(total)}
          {rows.length < total && (worstFirst ? ", the longest waits" : ", the newest")}
          {said.muted > 0 && filter.withoutMuted && (
            <>
              {" "}
              <button type="button" onClick={() => replaceQuery({ muted: "1" })}>
                Show what is muted
              </button>
            </>
          )}
          {live.missed > 0n && (
            <>
              {" "}
              <WarningGlyph /> {count(live.missed)} came faster than this page could take them; the list was asked for
              again.
            </>
          )}
        </p>
        <Table
          caption="Findings"
          columns={columns}
          rows={rows}
          rowKey={findingKey}
          sort={sort}
          onSort={onSort}
          onOpen={open}
          partly={
            rows.length < total ? `${worstFirst ? "the longest waits" : "the newest"} of ${count(total)}` : undefined
          }
          empty="Nothing was found that matches. Waits below the thresholds are no findings; they are in the threads' figures."
        />
      </Fed>
    </>
  );
}

interface FilterProps {
  filter: Filter;
  anyHost: boolean;
  classes: readonly string[]; // that were seen
  grouped: boolean;
}

function Filters({ filter, anyHost, classes, grouped }: FilterProps) {
  const hosts = usePoll(
    "hosts of the filter",
    (signal) => fleet.listHosts({}, { signal, timeoutMs: kUnaryMs }),
    Infinity,
  );
  const model = usePoll("checks", (signal) => analysis.getModel({}, { signal, timeoutMs: kUnaryMs }), Infinity);
  const names = useMemo(() => [...new Set(classes)].filter((name) => name !== "").sort(), [classes]);
  const checks = [...new Set(model.state?.checks.map(({ name }) => name))];
  const confidence = kConfidences[filter.confidenceMin];
  return (
    <div class="toolbar" role="search" aria-label="Filter findings">
      {anyHost && (
        <Choice
          label="Host"
          value={filter.host}
          names={hosts.state?.hosts.map(({ name }) => name) ?? []}
          all="all hosts"
          onChange={(host) => replaceQuery({ host })}
        />
      )}
      <Choice
        label="Check"
        value={filter.check}
        names={checks}
        all="all checks"
        onChange={(check) => replaceQuery({ check })}
      />
      <Choice
        label="Class"
        value={filter.class}
        names={names}
        all="all classes"
        onChange={(name) => replaceQuery({ class: name })}
      />
      <Choice
        label="Confidence"
        value={filter.confidenceMin === 0 ? "" : confidence!}
        names={kConfidences.slice(1)}
        all="any"
        onChange={(name) => replaceQuery({ confidence: name })}
      />
      <label>
        PID
        <input
          type="number"
          min="1"
          inputMode="numeric"
          value={filter.pid === 0 ? "" : filter.pid}
          onInput={(event) => replaceQuery({ pid: event.currentTarget.value })}
        />
      </label>
      <label>
        <input
          type="checkbox"
          checked={!filter.kernelOnly}
          onChange={(event) => replaceQuery({ user: event.currentTarget.checked ? "1" : undefined })}
        />
        User tasks too
      </label>
      <label>
        <input
          type="checkbox"
          checked={grouped}
          onChange={(event) =>
            replaceQuery({ view: event.currentTarget.checked ? undefined : "all", group: undefined, sort: undefined })
          }
        />
        Grouped
      </label>
    </div>
  );
}
