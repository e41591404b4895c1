import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { WorkSummary } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { useSort } from "../parts/use_sort";
import { count } from "../text/units";
import { visible } from "../text/visible";
import { quantileColumns } from "./quantile_columns";

const kColumns: readonly Column<WorkSummary>[] = [
  {
    id: "function",
    title: "Work function",
    rem: 18,
    value: (work) => work.function,
    cell: (work) => (
      <span title={visible(work.function)}>
        <Foreign text={work.function} />
      </span>
    ),
  },
  ...quantileColumns<WorkSummary>("queue", "Queued to started", (work) => work.queueToStart, [
    "n",
    "p50Ns",
    "p90Ns",
    "p99Ns",
    "maxNs",
  ]),
  ...quantileColumns<WorkSummary>("run", "Executing", (work) => work.run, ["n", "p50Ns", "p90Ns", "p99Ns", "maxNs"]),
  {
    id: "censored",
    title: "Censored",
    rem: 6.2,
    numeric: true,
    value: (work) => work.censored,
    hint: "Still waiting or executing",
    cell: (work) => count(work.censored),
  },
  {
    id: "voided",
    title: "Voided",
    rem: 5,
    numeric: true,
    value: (work) => work.voided,
    hint: "Touched by a gap or a contradiction: unknown, not measured",
    cell: (work) => count(work.voided),
  },
  {
    id: "unmatched",
    title: "Unmatched",
    rem: 6.8,
    numeric: true,
    value: (work) => work.unmatched,
    hint: "Executions whose queueing was not seen",
    cell: (work) => count(work.unmatched),
  },
];

export function WorkTab({ host, query }: { host: string; query: URLSearchParams }) {
  const { sort, onSort } = useSort(query, kColumns, { column: "queue.p99", descending: true });
  const { state, feed } = usePoll(
    `work ${host}`,
    (signal) => analysis.listWork({ recording: { host } }, { signal, timeoutMs: kUnaryMs }),
    2000,
  );
  return (
    <Fed feed={feed} what="work functions">
      <Table
        caption="Work functions"
        columns={kColumns}
        rows={state?.work ?? []}
        rowKey={(work) => work.function}
        sort={sort}
        onSort={onSort}
        empty="No work item was seen yet. They need the workqueue events, which a stepped-down profile leaves out."
      />
    </Fed>
  );
}
