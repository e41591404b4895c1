import { kUnaryMs, protocols } from "../api/client";
import { usePoll } from "../api/hooks";
import type { Protocol } from "../gen/wakewatch/v1/protocol_pb";
import { Fed } from "../parts/feed_note";
import { VerdictMark } from "../parts/marks";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { useSort } from "../parts/use_sort";
import { findingsAddress, kCheckAddress, protocolAddress, protocolsAddress, replaceQuery } from "../router";
import { explaining, isUnexpected, kMemories, verdictOf, type Memory } from "../state/protocols";
import { count, plural } from "../text/units";
import { visible } from "../text/visible";

const kAgainMs = 10_000; // verdicts come one after the other when the server has begun

const verdictColumn = (memory: Memory, hint: string): Column<Protocol> => ({
  id: memory,
  title: memory.toUpperCase(),
  hint: `The verdict under ${hint}`,
  rem: 8.5,
  value: (protocol) => verdictOf(protocol, memory)?.verdict ?? "",
  cell: (protocol) => {
    const verdict = verdictOf(protocol, memory);
    return (
      <>
        <VerdictMark verdict={verdict?.verdict} />
        {isUnexpected(verdict) && <span class="strong-bad"> expected {verdict!.expected}</span>}
      </>
    );
  },
});

const kColumns: readonly Column<Protocol>[] = [
  {
    id: "name",
    title: "Protocol",
    rem: 19.5,
    value: ({ name }) => name,
    cell: ({ name }) => (
      <a href={protocolAddress(name)}>
        <Foreign text={name} />
      </a>
    ),
  },
  ...kMemories.map(([memory, words]) => verdictColumn(memory, words)),
  {
    id: "states",
    title: "States",
    hint: "That the search under TSO stored",
    rem: 5.5,
    numeric: true,
    value: (protocol) => verdictOf(protocol, "tso")?.states ?? 0n,
    cell: (protocol) => {
      const verdict = verdictOf(protocol, "tso");
      return verdict === undefined ? <span class="quiet">–</span> : count(verdict.states);
    },
  },
  {
    id: "explains",
    title: "Explains",
    hint: "Findings of lost wakeups of this class come about like this",
    rem: 15.5,
    value: ({ explains }) => explains.join(" "),
    cell: ({ explains }) =>
      explains.length === 0 ? (
        <span class="quiet">–</span>
      ) : (
        explains.map((name, i) => (
          <span key={name}>
            {i > 0 && ", "}
            <a href={findingsAddress({ check: "lost-wakeup", class: name })}>{visible(name)}</a>
          </span>
        ))
      ),
  },
  {
    id: "title",
    title: "What it is",
    rem: 36,
    value: ({ title }) => title,
    cell: ({ title }) => (
      <span title={visible(title)}>
        <Foreign text={title} empty="–" />
      </span>
    ),
  },
];

export function ProtocolsPage({ query }: { query: URLSearchParams }) {
  const { state, feed } = usePoll(
    "protocols",
    (signal) => protocols.listProtocols({}, { signal, timeoutMs: kUnaryMs }),
    kAgainMs,
  );
  const { sort, onSort } = useSort(query, kColumns, { column: "name", descending: false });
  const all = state?.protocols ?? [];
  const of = query.get("class") ?? "";
  const shown = explaining(all, of);
  const classes = [...new Set([...all.flatMap(({ explains }) => explains), of])].filter((one) => one !== "").sort();
  return (
    <>
      <h1>Protocols</h1>
      <p>
        How tasks agree on who sleeps and who wakes whom, as the kernel does it. Each was searched in every order of its
        steps. <a href={kCheckAddress}>Check one of your own</a>
      </p>
      <Fed feed={feed} what="protocols">
        <div class="toolbar">
          <label>
            Explains
            <select value={of} onChange={(event) => replaceQuery({ class: event.currentTarget.value })}>
              <option value="">anything</option>
              {classes.map((name) => (
                <option key={name} value={name}>
                  {visible(name)}
                </option>
              ))}
            </select>
          </label>
          <span class="quiet push" role="status">
            {plural(shown.length, "protocol", "protocols")}
            {state?.complete === false && "; some verdicts are not known yet"}
          </span>
        </div>
        <Table
          caption="Protocols that come with the server"
          columns={kColumns}
          rows={shown}
          rowKey={({ name }) => name}
          sort={sort}
          onSort={onSort}
          onOpen={({ name }) => (window.location.hash = protocolAddress(name))}
          empty={
            of === "" ? (
              "This server ships no protocol."
            ) : (
              <>
                No protocol explains this class. <a href={protocolsAddress()}>Show all</a>
              </>
            )
          }
        />
      </Fed>
    </>
  );
}
