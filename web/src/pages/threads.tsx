import { useMemo } from "preact/hooks";
import { analysis, findings, kUnaryMs } from "../api/client";
import { usePoll, useStream } from "../api/hooks";
import { paced } from "../api/paced";
import type { ListThreadsResponse, ThreadSummary } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { Spark } from "../parts/spark";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { At } from "../parts/times";
import { useSort } from "../parts/use_sort";
import { findingsAddress, hostAddress, replaceQuery } from "../router";
import { findingsByPid, kGroupsAsked } from "../state/thread_findings";
import { reduceThreads, threadKey, type Threads } from "../state/thread_rates";
import { purposeOf } from "../text/kinds";
import { count, duration } from "../text/units";
import { visible } from "../text/visible";
import { quantileColumns } from "./quantile_columns";
import { ThreadDetail } from "./thread_detail";

function purposeAndSource({ kind, kindSource }: ThreadSummary): string {
  const purpose = purposeOf(kind);
  return `${purpose === "" ? "" : `${kind}: ${purpose}. `}Known by ${visible(kindSource) || "nothing"}.`;
}

/** The address is made for the few rows that are drawn. */
type Row = {
  thread: ThreadSummary;
  rates: readonly number[] | undefined;
  host: string;
  found: bigint | undefined; // findings; undefined: not known
  addressOf(pid: number): string;
};

const kFindingsEveryMs = 5000;

const kColumns: readonly Column<Row>[] = [
  {
    id: "comm",
    title: "Thread",
    rem: 11,
    value: ({ thread }) => thread.comm,
    cell: ({ thread, addressOf }) => (
      <a href={addressOf(thread.pid)}>
        <Foreign text={thread.comm} />
      </a>
    ),
  },
  {
    id: "pid",
    title: "PID",
    rem: 5,
    numeric: true,
    value: ({ thread }) => thread.pid,
    cell: ({ thread }) => thread.pid,
  },
  {
    id: "kind",
    title: "Kind",
    rem: 7.4,
    spare: 1,
    value: ({ thread }) => thread.kind,
    also: [{ name: "kind_source", raw: ({ thread }) => thread.kindSource }],
    hint: "What kind of kernel thread, and how we know",
    tip: ({ thread }) => purposeAndSource(thread),
    cell: ({ thread }) => <Foreign text={thread.kind} empty="–" />,
  },
  {
    id: "wakeups",
    title: "Wakeups",
    rem: 9.2,
    numeric: true,
    hint: "The line: how many a second, over the last minute",
    value: ({ thread }) => thread.wakeups,
    cell: ({ thread, rates }) => (
      <>
        {rates && <Spark values={rates} label={`Wakeups per second of ${visible(thread.comm)}, the last minute`} />}
        {count(thread.wakeups)}
      </>
    ),
  },
  {
    id: "findings",
    title: "Findings",
    rem: 5.6,
    numeric: true,
    hint: "Of this recording; those that were muted are counted too",
    value: ({ found }) => found ?? -1n,
    raw: ({ found }) => found ?? null,
    cell: ({ thread: { pid, kind }, host, found }) =>
      found === undefined || found === 0n ? (
        <span class="quiet">{found === undefined ? "–" : "0"}</span>
      ) : (
        <a href={findingsAddress({ host, pid, user: kind === "user" ? 1 : undefined })}>{count(found)}</a>
      ),
  },
  ...quantileColumns<Row>(
    "latency",
    "Wakeup latency",
    ({ thread }) => thread.wakeupLatency,
    ["n", "p50Ns", "p90Ns", "p99Ns", "maxNs"],
    "From sched_waking to the switch to the thread",
  ),
  ...quantileColumns<Row>(
    "delivery",
    "Delivery",
    ({ thread }) => thread.delivery,
    ["p99Ns"],
    "From sched_waking to sched_wakeup: wake list, IPI, idle exit",
    2,
  ),
  ...quantileColumns<Row>(
    "runqueue",
    "Run queue",
    ({ thread }) => thread.runqueue,
    ["p99Ns"],
    "From sched_wakeup to the switch to the thread",
    3,
  ),
  ...quantileColumns<Row>(
    "preempted",
    "Preempted",
    ({ thread }) => thread.preempted,
    ["p99Ns"],
    "Runnable again after it was preempted",
    4,
  ),
  ...quantileColumns<Row>(
    "excess",
    "Excess",
    ({ thread }) => thread.excessLatency,
    ["p99Ns"],
    "Of the wakeup latency, what a work-conserving schedule that respects classes would have spared it",
  ),
  {
    id: "oncpu",
    title: "On CPU",
    rem: 5.7,
    spare: 7,
    numeric: true,
    unit: "ns",
    exportAs: "on_cpu",
    value: ({ thread }) => thread.onCpuNs,
    cell: ({ thread }) => duration(thread.onCpuNs),
  },
  {
    id: "censored",
    title: "Censored",
    rem: 6.2,
    spare: 6,
    numeric: true,
    value: ({ thread }) => thread.censored,
    hint: "Waits that were still open",
    cell: ({ thread }) => count(thread.censored),
  },
  {
    id: "voided",
    title: "Voided",
    rem: 5.2,
    spare: 5,
    numeric: true,
    value: ({ thread }) => thread.voided,
    hint: "Waits that a gap or a contradiction touched: unknown, not measured",
    cell: ({ thread }) => (thread.voided > 0n ? <span class="strong-warn">{count(thread.voided)}</span> : "0"),
  },
];

const rowKey = ({ thread }: Row) => threadKey(thread);

export function ThreadsTab({ host, query }: { host: string; query: URLSearchParams }) {
  const userTasks = query.get("user") === "1";
  const filter = query.get("q") ?? "";
  const pid = Number(query.get("pid") ?? "");
  const { sort, onSort } = useSort(query, kColumns, { column: "latency.p99", descending: true });
  const { state, feed } = useStream<ListThreadsResponse, Threads | undefined>(
    `threads ${host} ${userTasks}`,
    (signal) =>
      paced(
        (intervalMs) => analysis.watchThreads({ recording: { host }, userTasks, intervalMs }, { signal }),
        (message) => message.threads.length,
      ),
    undefined,
    reduceThreads,
  );
  const groups = usePoll(
    `finding groups ${host}`,
    (signal) => findings.listFindingGroups({ filter: { host, limit: kGroupsAsked } }, { signal, timeoutMs: kUnaryMs }),
    kFindingsEveryMs,
  ).state;
  const found = useMemo(() => groups && findingsByPid(groups.groups, groups.total), [groups]);
  const threads = state?.message.threads;
  const rates = state?.rates;
  const rows = useMemo(() => {
    const words = filter.toLowerCase();
    const kept = Object.fromEntries(query);
    const addressOf = (pid: number) => hostAddress(host, "threads", { ...kept, pid });
    return (threads ?? [])
      .filter(
        ({ comm, kind, pid: own }) =>
          words === "" || comm.toLowerCase().includes(words) || kind.includes(words) || String(own) === words,
      )
      .map((thread): Row => {
        const { pid } = thread;
        return {
          thread,
          rates: rates?.get(threadKey(thread)),
          host,
          found: found && (found.get(pid) ?? 0n),
          addressOf,
        };
      });
  }, [threads, rates, found, filter, host, query]);
  const chosen = pid > 0 ? rows.find(({ thread }) => thread.pid === pid) : undefined;
  return (
    <Fed feed={feed} what="threads">
      <Toolbar
        filter={filter}
        userTasks={userTasks}
        shown={rows.length}
        all={threads?.length ?? 0}
        watermarkNs={state?.message.watermarkNs ?? 0n}
      />
      <div class={pid > 0 ? "split" : undefined}>
        <Table
          caption="Threads"
          columns={kColumns}
          rows={rows}
          rowKey={rowKey}
          sort={sort}
          onSort={onSort}
          {...(chosen === undefined ? {} : { chosen: rowKey(chosen) })}
          onOpen={({ thread }) => replaceQuery({ pid: thread.pid })}
          empty={filter === "" ? "No thread was seen yet" : "No thread matches the filter"}
        />
        {pid > 0 && <ThreadDetail key={pid} host={host} pid={pid} onClose={() => replaceQuery({ pid: undefined })} />}
      </div>
    </Fed>
  );
}

interface ToolbarProps {
  filter: string;
  userTasks: boolean;
  shown: number;
  all: number;
  watermarkNs: bigint;
}

function Toolbar({ filter, userTasks, shown, all, watermarkNs }: ToolbarProps) {
  return (
    <div class="toolbar">
      <input
        type="search"
        value={filter}
        placeholder="Filter by name, kind or PID"
        aria-label="Filter threads"
        onInput={(event) => replaceQuery({ q: event.currentTarget.value })}
      />
      <label>
        <input
          type="checkbox"
          checked={userTasks}
          onChange={(event) => replaceQuery({ user: event.currentTarget.checked ? "1" : undefined })}
        />
        User tasks too
      </label>
      <span class="quiet">{shown === all ? `${count(all)} threads` : `${count(shown)} of ${count(all)} threads`}</span>
      <span class="quiet push">
        analysed up to <At ns={watermarkNs} />
      </span>
    </div>
  );
}
