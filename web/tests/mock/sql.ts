// Answers SQL without knowing any: rows that are made up, and errors in SQLite's words.
import { Code, ConnectError } from "@connectrpc/connect";
import type { SqlQueryRequest } from "../../src/gen/wakewatch/v1/sql_pb";
import { kHostile } from "./data";
import { worldEvents } from "./timeline";

const kRowsMax = 100_000;
const kMessageRows = 500;
const kColumns = ["comm", "pid", "latency_ns", "start_ns", "note"];

const event = (name: string, ...fields: string[]) => ({
  name,
  columns: ["id", "ts", "cpu", "common_pid", ...fields].map((column) => ({ name: column, type: "INTEGER" })),
});
const table = (name: string, ...columns: string[]) => ({
  name,
  columns: columns.map((column) => ({ name: column, type: column === "comm" ? "TEXT" : "INTEGER" })),
});

export const kSchema = {
  tables: [
    table("anomaly", "name", "severity", "n"),
    table("event_count", "type", "n"),
    table("finding", "id", "check_name", "comm", "pid"),
    event("sched_switch", "prev_comm", "prev_pid", "next_comm", "next_pid"),
    event("sched_waking", "comm", "pid", "target_cpu"),
    table("waits", "start_ns", "latency_ns", "comm", "pid", "kind"),
    event(kHostile.image, kHostile.script),
    ...Array.from({ length: 300 }, (_, i) => event(`xen_mc_entry_${i}`, "op")),
  ],
};

const integer = (value: number) => ({ value: { case: "integer" as const, value: BigInt(value) } });
const text = (value: string) => ({ value: { case: "text" as const, value } });
const nothing = { value: { case: undefined } };

function row(i: number) {
  const names = Object.values(kHostile);
  return {
    values: [
      text(i % 3 === 0 ? names[(i / 3) % names.length]! : `kworker/${i % 8}:0`),
      integer(10 + i),
      integer(((i * 7919) % 5000) * 1000),
      integer(86_412_000_000_000 + i * 1_000_000),
      i % 4 === 0 ? text("=1+1") : nothing,
    ],
  };
}

/** `LIMIT n` is how many rows there are; the words slow, deadline and nothing do what they say. */
export async function* answer(request: SqlQueryRequest, pause: (ms: number) => Promise<void>) {
  const { sql } = request;
  const [, verb = ""] = /^(?:\s|--[^\n]*\n)*(\w*)/.exec(sql) ?? [];
  if (/^(insert|update|delete|drop|attach)$/i.test(verb)) {
    throw new ConnectError(
      `refused: ${verb.toUpperCase()} (queries may only read the recording)`,
      Code.PermissionDenied,
    );
  }
  if (!/^(select|with|explain)$/i.test(verb))
    throw new ConnectError(`near "${verb}": syntax error`, Code.InvalidArgument);
  if (/event_count/.test(sql)) {
    const counts = [["sched_switch", 912_004], ["sched_waking", 440_120]] as const; // prettier-ignore
    yield { columns: ["type", "n"], rows: counts.map(([type, n]) => ({ values: [text(type), integer(n)] })) };
    yield { end: { rows: 2n, part: 1, parts: 1 } };
    return;
  }
  const events = worldEvents(sql);
  if (events !== undefined) {
    const cells = (cell: bigint | string) => (typeof cell === "string" ? text(cell) : integer(Number(cell)));
    yield { columns: events.columns, rows: events.rows.map((values) => ({ values: values.map(cells) })) };
    yield { end: { rows: BigInt(events.rows.length), part: 1, parts: 1 } };
    return;
  }
  if (/from nothing/i.test(sql)) throw new ConnectError("no such table: nothing", Code.InvalidArgument);
  yield { columns: kColumns };
  if (/deadline/.test(sql)) throw new ConnectError("the query ran into its deadline", Code.DeadlineExceeded);
  const wanted = Number(/limit (\d+)/i.exec(sql)?.[1] ?? 100);
  const most = Math.min(Number(request.rowsMax) || kRowsMax, kRowsMax);
  const rows = Math.min(wanted, most);
  for (let i = 0; i < rows; i += kMessageRows) {
    const many = Math.min(kMessageRows, rows - i);
    yield { rows: Array.from({ length: many }, (_, k) => row(i + k)) };
    if (/slow/.test(sql)) await pause(400);
  }
  yield { end: { rows: BigInt(rows), truncated: wanted > most, part: request.part || 2, parts: 2 } };
}
