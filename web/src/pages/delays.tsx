// Measured waits, summed up by what they have in common: of a host, or of one thread.
import { analysis } from "../api/client";
import { DelayKey, type DelayRow, type GetDelaysResponse } from "../gen/wakewatch/v1/analysis_pb";
import { HeatMap } from "../heat_map/heat_map";
import { Fed } from "../parts/feed_note";
import { InSpan, useSpanPoll } from "../parts/in_span";
import { WarningGlyph } from "../parts/marks";
import { RecordingChoice, useRecording, type Chosen } from "../parts/recording";
import { SplitBar, SplitLegend, SplitTable } from "../parts/split";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { At } from "../parts/times";
import { useSort } from "../parts/use_sort";
import { hostAddress, replaceQuery, threadAddress } from "../router";
import { bucketCells, splitOf, sumOfSplits } from "../state/buckets";
import { delayTotals } from "../state/delays";
import type { HostEntry } from "../state/hosts";
import { count, duration, plural, share } from "../text/units";
import { quantileColumns } from "./quantile_columns";

const kLimit = 1000;

/** A thread's page is about the same recording and span. */
const threadColumn = (query: URLSearchParams): Column<DelayRow> => ({
  id: "thread",
  title: "Thread",
  rem: 13,
  value: (row) => row.comm,
  also: [{ name: "pid", raw: (row) => row.pid }],
  cell: (row) => (
    <a href={threadAddress(row.host, row.pid, carried(query))}>
      <Foreign text={row.comm} /> <span class="quiet">{row.pid}</span>
    </a>
  ),
});

function carried(query: URLSearchParams) {
  const kept = ["recording", "span", "from", "to"];
  return Object.fromEntries([...query].filter(([name]) => kept.includes(name)));
}

const kKind: Column<DelayRow> = {
  id: "kind",
  title: "Kind",
  rem: 9,
  value: (row) => row.kind,
  cell: (row) => (
    <a href={hostAddress(row.host, "threads", { q: row.kind, user: row.kind === "user" ? 1 : undefined })}>
      <Foreign text={row.kind} empty="unknown" />
    </a>
  ),
};
const kCause: Column<DelayRow> = {
  id: "cause",
  title: "Cause",
  rem: 9,
  value: (row) => row.cause,
  cell: (row) => <Foreign text={row.cause} empty="not known" />,
};
const kFigures: readonly Column<DelayRow>[] = [
  {
    id: "spent",
    title: "Spent on",
    rem: 12,
    cell: (row) => <SplitBar split={splitOf(row.buckets)} slim />,
    also: bucketCells((row: DelayRow) => row.buckets),
  },
  ...quantileColumns<DelayRow>("latency", "Latency", (row) => row.latency, ["n", "p50Ns", "p99Ns", "maxNs"]),
  {
    id: "sum",
    title: "sum",
    group: "Latency",
    rem: 6,
    numeric: true,
    unit: "ns",
    exportAs: "latency_sum",
    value: (row) => row.latencySumNs,
    cell: (row) => duration(row.latencySumNs),
  },
  ...quantileColumns<DelayRow>(
    "excess",
    "Excess",
    (row) => row.excess,
    ["n", "p50Ns", "p99Ns", "maxNs"],
    "What a work-conserving schedule that respects classes would have spared these waits, less a tolerance",
  ),
  {
    id: "excess.sum",
    title: "sum",
    group: "Excess",
    rem: 6,
    numeric: true,
    unit: "ns",
    value: (row) => row.excessSumNs,
    cell: (row) => duration(row.excessSumNs),
  },
  {
    id: "assumed",
    title: "Assumed",
    rem: 6,
    numeric: true,
    value: (row) => row.assumedAffinity,
    hint: "Waits of tasks of which it was not known where they may run; only CPUs they were seen on count for the excess",
    cell: (row) => count(row.assumedAffinity),
  },
];

type GroupKey = "thread" | "kind" | "cause";
interface Grouping {
  title: string;
  by: readonly GroupKey[];
}

const kKeys: Record<GroupKey, DelayKey> = {
  thread: DelayKey.THREAD,
  kind: DelayKey.KIND,
  cause: DelayKey.CAUSE,
};
// Every one of them tells the kind, so that user tasks can be left out; a thread's kind is always there.
const kGroupings: Record<string, Grouping> = {
  "kind,cause": { title: "kind and cause", by: ["kind", "cause"] },
  kind: { title: "kind", by: ["kind"] },
  thread: { title: "thread", by: ["thread", "kind"] },
  "thread,cause": { title: "thread and cause", by: ["thread", "kind", "cause"] },
};
const kUsual = "kind,cause";
const kByCause: Grouping = { title: "cause", by: ["cause"] };

function columnsOf({ by }: Grouping, query: URLSearchParams): Column<DelayRow>[] {
  const named: Record<GroupKey, Column<DelayRow>> = { thread: threadColumn(query), kind: kKind, cause: kCause };
  return [...by.map((key) => named[key]), ...kFigures];
}

export function DelaysTab({
  host,
  query,
  entry,
}: {
  host: string;
  query: URLSearchParams;
  entry: HostEntry | undefined;
}) {
  const chosen = useRecording(host, query, entry);
  const by = query.get("by") ?? kUsual;
  const grouping = kGroupings[by] ?? kGroupings[kUsual]!;
  const userTasks = query.get("user") === "1";
  return (
    <>
      {chosen.recording !== "" && chosen.recording !== entry?.host.recording && chosen.loss}
      <InSpan
        chosen={chosen}
        query={query}
        tools={
          <>
            <RecordingChoice chosen={chosen} />
            <label>
              By
              <select
                aria-label="By"
                value={grouping === kGroupings[by] ? by : kUsual}
                onChange={(event) => replaceQuery({ by: event.currentTarget.value })}
              >
                {Object.entries(kGroupings).map(([name, { title }]) => (
                  <option key={name} value={name}>
                    {title}
                  </option>
                ))}
              </select>
            </label>
            <label title="A recording keeps those of their waits that are as long as its latency threshold">
              <input
                type="checkbox"
                checked={userTasks}
                onChange={(event) => replaceQuery({ user: event.currentTarget.checked ? "1" : undefined })}
              />
              Long waits of user tasks too
            </label>
          </>
        }
      >
        <HeatMap chosen={chosen} query={query} userTasks={userTasks} />
        <Answer chosen={chosen} query={query} grouping={grouping} userTasks={userTasks} />
      </InSpan>
    </>
  );
}

interface AnswerProps {
  chosen: Chosen;
  query: URLSearchParams;
  grouping: Grouping;
  userTasks: boolean;
  pid?: number;
}

/** Those of one PID. Below InSpan. */
export function ThreadDelays({ chosen, query, pid }: { chosen: Chosen; query: URLSearchParams; pid: number }) {
  return <Answer chosen={chosen} query={query} grouping={kByCause} userTasks pid={pid} />;
}

function Answer({ chosen, query, grouping, userTasks, pid }: AnswerProps) {
  const { state, feed } = useSpanPoll(`delays ${grouping.by.join()} ${pid}`, chosen, query, (recording, options) =>
    analysis.getDelays(
      {
        recording,
        filter: pid === undefined ? {} : { pids: [pid] },
        groupBy: grouping.by.map((key) => kKeys[key]),
        limit: kLimit,
      },
      options,
    ),
  );
  const columns = columnsOf(grouping, query);
  const { sort, onSort } = useSort(query, columns, { column: "excess.sum", descending: true });
  const rows = (state?.rows ?? []).filter(({ kind }) => userTasks || kind !== "user");
  return (
    <Fed feed={feed} what="waits">
      {state && <Told answer={state} rows={rows} />}
      {rows.length > 0 && <Whole rows={rows} />}
      <Table
        caption={`Waits by ${grouping.title}`}
        columns={columns}
        rows={rows}
        rowKey={(row) => `${row.pid} ${row.comm} ${row.kind} ${row.cause}`}
        sort={sort}
        onSort={onSort}
        partly={
          state !== undefined && BigInt(state.rows.length) < state.rowsTotal
            ? `those with the largest sum of excess, of ${count(state.rowsTotal)}`
            : undefined
        }
        empty="No wait was measured here. Waits that touch a gap are unknown and not counted."
      />
    </Fed>
  );
}

function Told({ answer, rows }: { answer: GetDelaysResponse; rows: readonly DelayRow[] }) {
  const { waits, latencyNs, excessNs, assumed, withoutWaking } = delayTotals(rows);
  const shown = BigInt(answer.rows.length);
  return (
    <>
      <p role="status">
        <strong>{plural(waits, "wait", "waits")}</strong> for a CPU, after wakeups and preemptions:{" "}
        {duration(latencyNs)} in all, of which {duration(excessNs)} ({share(excessNs, latencyNs)}) are excess.{" "}
        <span class="quiet">
          Those that ended up to <At ns={answer.watermarkNs} /> are counted.
          {assumed > 0n && ` In ${count(assumed)} of them it was not known where the task may run.`}
          {withoutWaking > 0n &&
            ` Of ${count(withoutWaking)} the latency begins at sched_wakeup, as the trace has no sched_waking.`}
          {!answer.stored && " The recording keeps no waits, so its events were analysed for this."}
        </span>
      </p>
      {shown < answer.rowsTotal && (
        <p>
          <WarningGlyph /> {count(shown)} of {count(answer.rowsTotal)} groups, those with the largest sum of excess. The
          figures above are theirs.
        </p>
      )}
      {answer.chunksUnreadable > 0n && (
        <p>
          <WarningGlyph /> {plural(answer.chunksUnreadable, "chunk", "chunks")} of stored waits could not be read and{" "}
          {answer.chunksUnreadable === 1n ? "is" : "are"} left out.
        </p>
      )}
    </>
  );
}

function Whole({ rows }: { rows: readonly DelayRow[] }) {
  const split = sumOfSplits(rows.map((row) => splitOf(row.buckets, row.latencySumNs)));
  return (
    <div class="whole">
      <SplitBar split={split} />
      <SplitLegend split={split} />
      <details>
        <summary>As a table</summary>
        <SplitTable split={split} whole="latency of all of them" />
      </details>
    </div>
  );
}
