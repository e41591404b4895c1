// Tables and columns that a query may name; a click puts the name where the caret is.
import { useMemo, useState } from "preact/hooks";
import { kUnaryMs, sql } from "../api/client";
import { usePoll } from "../api/hooks";
import { cellOf, orderedSchema, quoted, type SchemaTable } from "../state/sql";
import { Fed } from "../parts/feed_note";
import { Foreign } from "../parts/text";
import { count, plural, roughCount } from "../text/units";

interface Props {
  host: string;
  recording: string;
  onName(name: string): void;
}

const kOthersShown = 60;
const kCounted = "SELECT type, n FROM event_count";

async function countsOf(host: string, recording: string, signal: AbortSignal): Promise<Map<string, bigint>> {
  const counts = new Map<string, bigint>();
  for await (const { rows } of sql.query({ host, recording, sql: kCounted }, { signal, timeoutMs: kUnaryMs })) {
    for (const { values } of rows) {
      const [type, n] = values.map(cellOf);
      if (typeof type === "string" && typeof n === "bigint") counts.set(type, n);
    }
  }
  return counts;
}

export function SchemaBrowser({ host, recording, onName }: Props) {
  const [words, setWords] = useState("");
  const { state, feed } = usePoll(
    `schema ${host} ${recording}`,
    async (signal) => {
      const schema = await sql.getSchema({ host, recording }, { signal, timeoutMs: kUnaryMs });
      return orderedSchema(schema, await countsOf(host, recording, signal));
    },
    Infinity,
  );
  const wanted = words.trim().toLowerCase();
  const matching = useMemo(() => {
    const matches = ({ name, columns }: SchemaTable) =>
      wanted === "" || name.includes(wanted) || columns.some((column) => column.name.includes(wanted));
    const { known = [], recorded = [], others = [] } = state ?? {};
    return {
      known: known.filter(matches),
      recorded: recorded.filter(matches),
      others: wanted === "" ? [] : others.filter(({ name }) => name.includes(wanted)),
      unrecorded: others.length,
    };
  }, [state, wanted]);
  const nothing = matching.known.length + matching.recorded.length + matching.others.length === 0;
  return (
    <section class="schema" aria-label="Schema">
      <h2>Schema</h2>
      <Fed feed={feed} what="schema">
        <input
          type="search"
          value={words}
          placeholder="Find a table or column"
          aria-label="Find a table or column"
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <Tables title="Measured and found" tables={matching.known} onName={onName} />
        <Tables title="Recorded events" tables={matching.recorded} onName={onName} />
        <Tables title="Events without a record" tables={matching.others.slice(0, kOthersShown)} onName={onName} />
        {nothing && <p class="quiet">No table or column has this in its name.</p>}
        {wanted === "" && matching.unrecorded > 0 && (
          <p class="quiet">
            {plural(matching.unrecorded, "more event", "more events")} this kernel knows and did not record: find them
            by name.
          </p>
        )}
        {matching.others.length > kOthersShown && (
          <p class="quiet">{count(matching.others.length - kOthersShown)} more match.</p>
        )}
      </Fed>
    </section>
  );
}

function Tables(props: { title: string; tables: readonly SchemaTable[]; onName(name: string): void }) {
  if (props.tables.length === 0) return null;
  return (
    <>
      <h3>{props.title}</h3>
      <ul class="tables">
        {props.tables.map((table) => (
          <li key={table.name}>
            <Columns table={table} onName={props.onName} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** The columns are made when they are looked at: an open list of 1,400 tables has 12,000 of them. */
function Columns({ table, onName }: { table: SchemaTable; onName(name: string): void }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <div class="table-name">
        <button
          type="button"
          class="opener"
          aria-expanded={open}
          aria-label={`Columns of ${table.name}`}
          onClick={() => setOpen(!open)}
        >
          <span aria-hidden="true">{open ? "▾" : "▸"}</span>
        </button>
        <button type="button" class="name" title="Put into the query" onClick={() => onName(quoted(table.name))}>
          <Foreign text={table.name} />
        </button>
        {table.recorded !== undefined && table.recorded > 0n && (
          <span class="quiet" title={`${count(table.recorded)} recorded`}>
            {roughCount(table.recorded)}
          </span>
        )}
      </div>
      {open && (
        <ul class="columns">
          {table.columns.map(({ name, type }) => (
            <li key={name}>
              <button type="button" class="name" title="Put into the query" onClick={() => onName(quoted(name))}>
                <Foreign text={name} />
              </button>{" "}
              <span class="quiet">{type.toLowerCase()}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
