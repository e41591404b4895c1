// Two recordings, or two spans of one, side by side.
import { useMemo, useRef } from "preact/hooks";
import { analysis, fleet, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { CompareResponse } from "../gen/wakewatch/v1/analysis_pb";
import { CopyButton } from "../parts/copy";
import { Empty, Fed } from "../parts/feed_note";
import { download } from "../parts/export_menu";
import { Scroller } from "../parts/scroller";
import { Table, type Column } from "../parts/table";
import { useSort } from "../parts/use_sort";
import { replaceQuery } from "../router";
import type { Hosts } from "../state/hosts";
import { toCsv } from "../state/export";
import type { Sort } from "../state/sort";
import { count } from "../text/units";
import { changeOf, measuresOf, passes, tells, type Measure } from "./change";
import { kSoftirqColumns, kThreadColumns, kWorkColumns } from "./columns";
import { exportedComparison } from "./csv";
import { sideOf, swapped, type Side } from "./side";
import { SideChoice } from "./side_choice";
import { hasLost, Sides, SidesLoss } from "./sides";

const kRelistMs = 30_000;
const kCompareMs = 90_000; // longer than the server lets two analyses take
const kUsualSort: Sort = { column: "change", descending: true };

export function ComparePage({ hosts, query }: { hosts: Hosts; query: URLSearchParams }) {
  const before = sideOf(query, "before");
  const after = sideOf(query, "after");
  const listed = usePoll(
    "recordings of all",
    (signal) => fleet.listRecordings({}, { signal, timeoutMs: kUnaryMs }),
    kRelistMs,
  );
  const choice = { query, hosts: [...hosts.byName.keys()], recordings: listed.state?.recordings ?? [] };
  const problem = before.problem || after.problem;
  return (
    <>
      <h1>Compare</h1>
      <div class="compare-sides">
        <SideChoice name="before" side={before} {...choice} />
        <SideChoice name="after" side={after} {...choice} />
        <button type="button" onClick={() => replaceQuery(swapped(query))}>
          Exchange the sides
        </button>
      </div>
      {before.host === "" || after.host === "" ? (
        <Empty title="Nothing to compare yet">
          Choose a recording for each side. Both may be the same one, with a span for each.
        </Empty>
      ) : problem !== "" ? (
        <Empty title="Nothing to compare">{problem}</Empty>
      ) : (
        <Compared before={before} after={after} query={query} />
      )}
    </>
  );
}

const partOf = ({ host, recording, sinceNs, untilNs }: Side) => ({ host, recording, sinceNs, untilNs });

function Compared({ before, after, query }: { before: Side; after: Side; query: URLSearchParams }) {
  const userTasks = query.get("user") === "1";
  const asked = [before, after].map(({ host, recording, sinceNs, untilNs }) => [
    host,
    recording,
    String(sinceNs),
    String(untilNs),
  ]);
  const key = `compare ${JSON.stringify([asked, userTasks])}`;
  // A page that was hidden meanwhile does not ask for it again.
  const kept = useRef<{ key: string; answer: CompareResponse }>();
  const { state, feed } = usePoll(
    key,
    async (signal) => {
      if (kept.current?.key === key) return kept.current.answer;
      const request = { before: partOf(before), after: partOf(after), userTasks };
      const answer = await analysis.compare(request, { signal, timeoutMs: kCompareMs });
      kept.current = { key, answer };
      return answer;
    },
    Infinity,
  );
  return (
    <Fed feed={feed} what="comparison">
      {state !== undefined && <Answer answer={state} query={query} userTasks={userTasks} />}
    </Fed>
  );
}

function Answer({ answer, query, userTasks }: { answer: CompareResponse; query: URLSearchParams; userTasks: boolean }) {
  const filter = { words: query.get("q") ?? "", sureOnly: query.get("sure") === "1" };
  const all = useMemo(() => measuresOf(answer).filter(tells), [answer]);
  const shown = useMemo(() => all.filter((one) => passes(filter, one)), [all, filter.words, filter.sureOnly]);
  return (
    <>
      <SidesLoss answer={answer} />
      <Scroller label="What is compared">
        <Sides answer={answer} />
      </Scroller>
      <Summary all={all} />
      <div class="toolbar">
        <input
          type="search"
          value={filter.words}
          placeholder="Filter by name or kind"
          aria-label="Filter the comparison"
          onInput={(event) => replaceQuery({ q: event.currentTarget.value })}
        />
        <label>
          <input
            type="checkbox"
            checked={filter.sureOnly}
            onChange={(event) => replaceQuery({ sure: event.currentTarget.checked ? "1" : undefined })}
          />
          Sure changes only
        </label>
        <label>
          <input
            type="checkbox"
            checked={userTasks}
            onChange={(event) => replaceQuery({ user: event.currentTarget.checked ? "1" : undefined })}
          />
          User tasks too
        </label>
        <span class="quiet">
          {shown.length === all.length
            ? `${count(all.length)} measures`
            : `${count(shown.length)} of ${count(all.length)} measures`}
        </span>
        <span class="push">
          <CopyButton text={window.location.href} what="link" />{" "}
          <button
            type="button"
            onClick={() =>
              download("wakewatch_comparison.csv", "text/csv;charset=utf-8", toCsv(exportedComparison(answer)))
            }
          >
            Save all as CSV
          </button>
        </span>
      </div>
      <Section answer={answer} title="Threads" subject="thread" columns={kThreadColumns} rows={shown} query={query} />
      <Section
        answer={answer}
        title="Work functions"
        subject="work"
        columns={kWorkColumns}
        rows={shown}
        query={query}
      />
      <Section
        answer={answer}
        title="Softirqs"
        subject="softirq"
        columns={kSoftirqColumns}
        rows={shown}
        query={query}
      />
    </>
  );
}

function Summary({ all }: { all: readonly Measure[] }) {
  const number = (wanted: string) => all.filter(({ times }) => changeOf(times) === wanted).length;
  const tested = all.filter(({ times }) => times.pAdjusted !== undefined).length;
  return (
    <>
      <p role="status">
        {`${count(number("longer"))} longer, ${count(number("shorter"))} shorter, ${count(number("not sure"))} without a sure change, `}
        {`${count(all.length - tested)} of ${count(all.length)} not decidable.`}
      </p>
      <p class="quiet">
        Longer and shorter: p at most 0.01 of a Mann-Whitney test, after Holm’s correction for everything compared here.
        100 ms of a recording count as one observation at most, because waits of one busy stretch are long together;
        where fewer than 8 are left on a side, or nearly all waits are equal, there is no p. That times differ does not
        say why: two recordings under different load differ too.
      </p>
    </>
  );
}

interface SectionProps {
  answer: CompareResponse;
  title: string;
  subject: Measure["subject"];
  columns: readonly Column<Measure>[];
  rows: readonly Measure[];
  query: URLSearchParams;
}

function Section({ answer, title, subject, columns, rows, query }: SectionProps) {
  const { sort, onSort } = useSort(query, columns, kUsualSort);
  const own = useMemo(() => rows.filter((one) => one.subject === subject), [rows, subject]);
  return (
    <section>
      <h2>{title}</h2>
      <Table
        caption={title}
        columns={columns}
        rows={own}
        rowKey={({ key }) => key}
        sort={sort}
        onSort={onSort}
        empty="Nothing was measured here that the filter shows"
        partly={
          hasLost(answer.before) || hasLost(answer.after)
            ? "events were lost, and what a gap touches is in no figure"
            : undefined
        }
      />
    </section>
  );
}
