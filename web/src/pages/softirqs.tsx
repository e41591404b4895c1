import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { SoftirqSummary, TaskletSummary } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { useSort } from "../parts/use_sort";
import { useState } from "preact/hooks";
import { count } from "../text/units";
import { quantileColumns, type Which } from "./quantile_columns";

const kAll: readonly Which[] = ["n", "p50Ns", "p90Ns", "p99Ns", "maxNs"];

const kColumns: readonly Column<SoftirqSummary>[] = [
  { id: "vector", title: "Softirq", rem: 9, value: (one) => one.vector, cell: (one) => <Foreign text={one.vector} /> },
  {
    id: "entries",
    title: "Entries",
    rem: 6,
    numeric: true,
    value: (one) => one.entries,
    cell: (one) => count(one.entries),
  },
  {
    id: "ksoftirqd",
    title: "In ksoftirqd",
    rem: 7,
    numeric: true,
    value: (one) => one.inKsoftirqd,
    hint: "Executed by ksoftirqd rather than at the end of an interrupt",
    cell: (one) => count(one.inKsoftirqd),
  },
  ...quantileColumns<SoftirqSummary>("raise", "Raised to entered", (one) => one.raiseToEntry, kAll),
  {
    id: "censored",
    title: "Censored",
    rem: 6.2,
    numeric: true,
    value: (one) => one.censored,
    cell: (one) => count(one.censored),
  },
  {
    id: "voided",
    title: "Voided",
    rem: 5,
    numeric: true,
    value: (one) => one.voided,
    hint: "Touched by a gap or a contradiction: unknown, not measured",
    cell: (one) => count(one.voided),
  },
];

const kTaskletColumns: readonly Column<TaskletSummary>[] = [
  {
    id: "function",
    title: "Tasklet",
    rem: 18,
    value: (one) => one.function,
    cell: (one) => <Foreign text={one.function} />,
  },
  ...quantileColumns<TaskletSummary>("raise", "Raised to entered", (one) => one.raiseToEntry, kAll),
  ...quantileColumns<TaskletSummary>("run", "Executing", (one) => one.run, kAll),
];

export function SoftirqsTab({ host, query }: { host: string; query: URLSearchParams }) {
  const { sort, onSort } = useSort(query, kColumns, { column: "raise.p99", descending: true });
  const [taskletSort, setTaskletSort] = useState({ column: "raise.p99", descending: true });
  const { state, feed } = usePoll(
    `softirqs ${host}`,
    (signal) => analysis.listSoftirqs({ recording: { host } }, { signal, timeoutMs: kUnaryMs }),
    2000,
  );
  const tasklets = state?.tasklets ?? [];
  return (
    <Fed feed={feed} what="softirqs">
      <Table
        caption="Softirqs"
        columns={kColumns}
        rows={state?.softirqs ?? []}
        rowKey={(one) => one.vector}
        sort={sort}
        onSort={onSort}
        empty="No softirq was seen yet"
      />
      {tasklets.length > 0 && (
        <>
          <h2>Tasklets</h2>
          <Table
            caption="Tasklets"
            columns={kTaskletColumns}
            rows={tasklets}
            rowKey={(one) => one.function}
            sort={taskletSort}
            onSort={setTaskletSort}
            empty="No tasklet was seen yet"
          />
        </>
      )}
    </Fed>
  );
}
