// Findings that belong together as one row; opened, it shows each of them.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { findings, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import { useAnnotations } from "../api/annotations";
import type { Finding, FindingGroup } from "../gen/wakewatch/v1/findings_pb";
import { Began } from "../parts/began";
import { Fed } from "../parts/feed_note";
import { ConfidenceMark, OpenMark } from "../parts/marks";
import { Scroller } from "../parts/scroller";
import { Table, type Column } from "../parts/table";
import { TriageMark, TriagePanel } from "../parts/triage";
import { Foreign, Task } from "../parts/text";
import { useSort } from "../parts/use_sort";
import { findingAddress, findingsAddress, replaceQuery } from "../router";
import { confidenceName, openWords, type Filter } from "../state/findings";
import { groupKeyOf, type Annotations } from "../state/triage";
import { count, duration, plural } from "../text/units";

const kListed = 500;
const kOccurrences = 20;
const kAgainMs = 3000;
const kNone: readonly FindingGroup[] = [];

const worstOf = (group: FindingGroup): Finding => group.worst!;
const groupKey = (group: FindingGroup) => groupKeyOf(worstOf(group).host, group.groupId);

function columnsFor(
  open: ReadonlySet<string>,
  turn: (key: string) => void,
  annotations: Annotations,
): Column<FindingGroup>[] {
  return [
    {
      id: "thread",
      title: "Thread",
      rem: 12.5,
      value: (group) => worstOf(group).comm,
      also: [
        { name: "pid", raw: (group) => worstOf(group).pid },
        { name: "group", raw: (group) => group.groupId },
      ],
      cell: (group) => {
        const key = groupKey(group);
        return (
          <button type="button" class="opener" aria-expanded={open.has(key)} onClick={() => turn(key)}>
            <span aria-hidden="true">{open.has(key) ? "▾" : "▸"}</span>{" "}
            <Task comm={worstOf(group).comm} pid={worstOf(group).pid} />
          </button>
        );
      },
    },
    {
      id: "host",
      title: "Host",
      rem: 9.5,
      value: (group) => worstOf(group).host,
      cell: (group) => <Foreign text={worstOf(group).host} />,
    },
    {
      id: "confidence",
      title: "Confidence",
      rem: 7.5,
      value: (group) => group.confidence,
      raw: (group) => confidenceName(group.confidence),
      cell: (group) => <ConfidenceMark confidence={group.confidence} />,
    },
    {
      id: "check",
      title: "Check",
      rem: 10,
      value: (group) => worstOf(group).check,
      cell: (group) => <Foreign text={worstOf(group).check} />,
    },
    {
      id: "class",
      title: "Class",
      rem: 10.5,
      value: (group) => worstOf(group).class,
      cell: (group) => <Foreign text={worstOf(group).class} empty="–" />,
    },
    {
      id: "waker",
      title: "Waker",
      rem: 10,
      hint: "Of a lost wakeup the usual one",
      value: (group) => worstOf(group).wakerComm,
      also: [{ name: "waker_pid", raw: (group) => worstOf(group).wakerPid ?? null }],
      cell: (group) => {
        const { wakerPid, wakerComm } = worstOf(group);
        return wakerPid === undefined ? <span class="quiet">–</span> : <Task comm={wakerComm} pid={wakerPid} />;
      },
    },
    {
      id: "triage",
      title: "Triage",
      rem: 9.5,
      hint: "What somebody said about it",
      value: (group) => annotations.get(groupKey(group))?.triage ?? 0,
      cell: (group) => <TriageMark annotation={annotations.get(groupKey(group))} />,
    },
    {
      id: "count",
      title: "Count",
      rem: 5,
      numeric: true,
      value: (group) => group.count,
      cell: (group) => count(group.count),
    },
    {
      id: "open",
      title: "Now",
      exportAs: "open",
      rem: 9,
      value: (group) => group.open,
      cell: (group) =>
        group.open === 0n ? (
          <span class="quiet">–</span>
        ) : (
          <OpenMark words={(group.open === 1n ? "" : `${count(group.open)} `) + openWords(worstOf(group).check)} />
        ),
    },
    {
      id: "worst",
      title: "Worst",
      rem: 6,
      numeric: true,
      unit: "ns",
      also: [{ name: "worst_id", raw: (group) => worstOf(group).id }],
      value: (group) => worstOf(group).waitedNs,
      cell: (group) => (
        <a href={findingAddress(worstOf(group).host, worstOf(group).id)}>{duration(worstOf(group).waitedNs)}</a>
      ),
    },
    {
      id: "last",
      title: "Last seen",
      rem: 12.5,
      numeric: true,
      hint: "The start of the latest on the host's wall clock, or on the trace clock where that is not known",
      exportAs: "last_start_real",
      unit: "ns",
      raw: (group) => (group.lastStartRealNs === 0n ? null : group.lastStartRealNs),
      also: [{ name: "last_start_trace_ns", raw: (group) => group.lastStartNs }],
      value: (group) => group.lastStartRealNs || group.lastStartNs,
      cell: (group) => <Began realNs={group.lastStartRealNs} traceNs={group.lastStartNs} />,
    },
  ];
}

interface Listed {
  groups: readonly FindingGroup[];
  total: bigint;
  findings: bigint;
  hidden: bigint; // groups that match and are muted
}

async function listGroups(
  filter: Filter & { limit: number; worstFirst: boolean },
  anyMuted: boolean,
  signal: AbortSignal,
): Promise<Listed> {
  const options = { signal, timeoutMs: kUnaryMs };
  const shown = await findings.listFindingGroups({ filter }, options);
  if (!filter.withoutMuted || !anyMuted) return { ...shown, hidden: 0n };
  const all = await findings.listFindingGroups({ filter: { ...filter, withoutMuted: false, limit: 1 } }, options);
  return { ...shown, hidden: all.total - shown.total };
}

interface Props {
  filter: Filter;
  query: URLSearchParams;
  anyHost: boolean;
  onClasses(classes: readonly string[]): void;
}

export function FindingGroups({ filter, query, anyHost, onClasses }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const turn = (key: string) =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  const said = useAnnotations(filter.host);
  const columns = columnsFor(open, turn, said.byGroup).filter(
    ({ id }) => (anyHost || id !== "host") && (said.byGroup.size > 0 || id !== "triage"),
  );
  const { sort, onSort } = useSort(query, columns, { column: "last", descending: true });
  const worstFirst = sort.column === "worst" && sort.descending;
  const listed = usePoll(
    `groups ${JSON.stringify(filter)} ${worstFirst} ${said.muted} ${said.times}`,
    (signal) => listGroups({ ...filter, limit: kListed, worstFirst }, said.muted > 0, signal),
    kAgainMs,
  );
  // While another filter's list is on its way, what is here is shown.
  const before = useRef(listed.state);
  if (listed.state !== undefined) before.current = listed.state;
  const groups = before.current?.groups ?? kNone;
  const classes = useMemo(() => groups.map((group) => worstOf(group).class), [groups]);
  useEffect(() => onClasses(classes), [classes]);
  const total = Number(before.current?.total ?? 0n);
  const whose = filter.kernelOnly ? " of kernel threads" : "";
  return (
    <Fed feed={before.current === undefined ? listed.feed : { ...listed.feed, hasData: true }} what="findings">
      <p class="quiet" role="status">
        {plural(before.current?.findings ?? 0n, "finding", "findings")}
        {whose} in {plural(total, "group", "groups")}
        {groups.length < total && `; ${count(groups.length)} are shown`}
        {(before.current?.hidden ?? 0n) > 0n && (
          <>
            {" "}
            <button type="button" onClick={() => replaceQuery({ muted: "1" })}>
              Show {count(before.current!.hidden)} muted
            </button>
          </>
        )}
        {query.get("muted") === "1" && (
          <>
            {" "}
            <button type="button" onClick={() => replaceQuery({ muted: undefined })}>
              Hide what is muted
            </button>
          </>
        )}
      </p>
      <Table
        caption="Findings by group"
        columns={columns}
        rows={groups}
        rowKey={groupKey}
        sort={sort}
        onSort={onSort}
        onOpen={(group) => turn(groupKey(group))}
        partly={groups.length < total ? `of ${count(total)} groups` : undefined}
        more={(group) =>
          open.has(groupKey(group)) ? <Occurrences group={group} filter={filter} onSaid={said.again} /> : undefined
        }
        empty="Nothing was found that matches. Waits below the thresholds are no findings; they are in the threads' figures."
      />
    </Fed>
  );
}

interface OccurrencesProps {
  group: FindingGroup;
  filter: Filter;
  onSaid(): void;
}

function Occurrences({ group, filter, onSaid }: OccurrencesProps) {
  const { host } = worstOf(group);
  const asked = { ...filter, host, groupId: group.groupId, withoutMuted: false, limit: kOccurrences };
  const { state, feed } = usePoll(
    `of group ${JSON.stringify(asked)}`,
    (signal) => findings.listFindings(asked, { signal, timeoutMs: kUnaryMs }),
    kAgainMs,
  );
  const rows = state?.findings ?? [];
  return (
    <Fed feed={feed} what="findings of this group">
      <div class="rule">
        <p>
          <Foreign text={worstOf(group).explanation} empty="No explanation was given." />
        </p>
        {worstOf(group).rule !== "" && (
          <p class="quiet">
            Rule: <Foreign text={worstOf(group).rule} />
          </p>
        )}
        <TriagePanel host={host} groupId={group.groupId} onSaid={onSaid} />
        <Scroller label="Findings of this group" look="sideways">
          <table class="grid small occurrences">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col" class="number">
                  Waited
                </th>
                <th scope="col" class="number">
                  CPU
                </th>
                <th scope="col">Confidence</th>
                <th scope="col">Now</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => (
                <tr key={one.id}>
                  <td>
                    <a href={findingAddress(one.host, one.id)}>
                      <Began realNs={one.startRealNs} traceNs={one.startNs} />
                    </a>
                  </td>
                  <td class="number">{duration(one.waitedNs)}</td>
                  <td class="number">{one.cpu ?? "–"}</td>
                  <td>
                    <ConfidenceMark confidence={one.confidence} />
                  </td>
                  <td>{one.open ? <OpenMark words={openWords(one.check)} /> : <span class="quiet">–</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
        {Number(state?.total ?? 0n) > rows.length && (
          <p>
            <a href={findingsAddress({ host, group: group.groupId, view: "all", user: filter.kernelOnly ? "" : "1" })}>
              All {count(state!.total)} of them
            </a>
          </p>
        )}
      </div>
    </Fed>
  );
}
