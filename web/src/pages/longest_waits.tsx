import { useState } from "preact/hooks";
import { analysis } from "../api/client";
import type { Wait } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { useSpanPoll } from "../parts/in_span";
import type { Chosen } from "../parts/recording";
import { SplitBar } from "../parts/split";
import { Table, type Column } from "../parts/table";
import { Foreign, Task } from "../parts/text";
import { At } from "../parts/times";
import { timelineAddress } from "../router";
import { bucketCells, splitOf } from "../state/buckets";
import { count, duration, plural } from "../text/units";
import { jumpTo } from "../timeline/jump";

const kListed = 20;
const kWaitNames: Record<string, string> = { wake: "woken", new: "new", preempted: "preempted" };

const onTimeline = ({ host, recording }: Chosen, { pid, startNs, endNs }: Wait) =>
  timelineAddress(host, { recording, ...jumpTo(startNs, endNs, pid, { kind: "thread", pid, atNs: startNs }) });

const columnsOf = (chosen: Chosen): readonly Column<Wait>[] => [
  {
    id: "start",
    title: "Began at",
    rem: 12,
    numeric: true,
    unit: "ns",
    value: (wait) => wait.startNs,
    hint: "Trace time; leads to the timeline",
    cell: (wait) => (
      <a href={onTimeline(chosen, wait)}>
        <At ns={wait.startNs} />
      </a>
    ),
  },
  {
    id: "latency",
    title: "Latency",
    rem: 6.5,
    numeric: true,
    unit: "ns",
    value: (wait) => wait.latencyNs,
    cell: (wait) => duration(wait.latencyNs),
  },
  {
    id: "excess",
    title: "Excess",
    rem: 6.5,
    numeric: true,
    unit: "ns",
    value: (wait) => wait.excessNs,
    cell: (wait) => duration(wait.excessNs),
  },
  {
    id: "affinity",
    title: "Affinity",
    rem: 6.5,
    value: (wait) => (wait.affinityKnown ? "known" : "assumed"),
    hint: "Whether it was known where the task may run",
    cell: (wait) => (wait.affinityKnown ? "known" : "assumed"),
  },
  {
    id: "spent",
    title: "Spent on",
    rem: 14,
    cell: (wait) => <SplitBar split={splitOf(wait.buckets, wait.latencyNs)} slim />,
    also: bucketCells((wait: Wait) => wait.buckets),
  },
  {
    id: "cause",
    title: "Cause",
    rem: 9,
    value: (wait) => wait.cause,
    cell: (wait) => <Foreign text={wait.cause} empty="not known" />,
  },
  {
    id: "wait",
    title: "After",
    rem: 7,
    value: (wait) => wait.wait,
    hint: "Woken, woken for the first time, or preempted",
    cell: (wait) => <Foreign text={kWaitNames[wait.wait] ?? wait.wait} empty="–" />,
  },
  {
    id: "waker",
    title: "Woken by",
    rem: 13,
    value: (wait) => wait.wakerComm,
    also: [{ name: "waker_pid", raw: (wait) => (wait.wakerPid < 0 ? null : wait.wakerPid) }],
    cell: (wait) =>
      wait.wakerPid >= 0 ? (
        <Task comm={wait.wakerComm} pid={wait.wakerPid} />
      ) : (
        <Foreign text={wait.wakerContext === "unknown" ? "" : wait.wakerContext} empty="–" />
      ),
  },
  { id: "cpu", title: "CPU", rem: 4, numeric: true, value: (wait) => wait.cpu, cell: (wait) => wait.cpu },
];

/** One by one, the longest of a PID's waits in the span. */
export function LongestWaits({ chosen, query, pid }: { chosen: Chosen; query: URLSearchParams; pid: number }) {
  const [sort, setSort] = useState({ column: "latency", descending: true });
  const { state, feed } = useSpanPoll(`waits ${pid}`, chosen, query, (recording, options) =>
    analysis.listWaits({ recording, filter: { pids: [pid] }, limit: kListed }, options),
  );
  const waits = state?.waits ?? [];
  return (
    <Fed feed={feed} what="waits">
      <p class="quiet">
        {BigInt(waits.length) < (state?.waitsTotal ?? 0n)
          ? `The longest ${count(waits.length)} of ${count(state?.waitsTotal ?? 0n)} waits.`
          : `${plural(waits.length, "wait", "waits")}.`}
      </p>
      <Table
        caption="The longest waits"
        columns={columnsOf(chosen)}
        rows={waits}
        rowKey={(wait) => String(wait.startNs)}
        sort={sort}
        onSort={setSort}
        partly={BigInt(waits.length) < (state?.waitsTotal ?? 0n) ? `of ${count(state!.waitsTotal)} waits` : undefined}
        empty="No wait was measured here."
      />
    </Fed>
  );
}
