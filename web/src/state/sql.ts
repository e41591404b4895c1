// Answers of SQL: what a cell says, how a query went, and which columns can be drawn.
import type { GetSchemaResponse, SqlValue } from "../gen/wakewatch/v1/sql_pb";

export type SqlCell = bigint | number | string | null;
export type SqlRow = readonly SqlCell[];

export function cellOf({ value }: SqlValue): SqlCell {
  return value.case === undefined ? null : value.value;
}

export type ChartKind = "line" | "bar" | "histogram";
export const kChartKinds: readonly ChartKind[] = ["line", "bar", "histogram"];

export interface Chart {
  kind: ChartKind;
  x: string; // a column; empty: the number of the row; a histogram has none
  y: readonly string[];
}

/** `line:x:y1,y2` as it stands in the address. Names of columns may hold anything, so they are escaped. */
export function chartText({ kind, x, y }: Chart): string {
  return [kind, encodeURIComponent(x), y.map(encodeURIComponent).join()].join(":");
}

export function parseChart(text: string | null): Chart | undefined {
  const [kind, x, y, ...more] = (text ?? "").split(":");
  if (more.length > 0 || x === undefined || y === undefined) return undefined;
  if (!kChartKinds.includes(kind as ChartKind)) return undefined;
  try {
    const names = y.split(",").filter((name) => name !== "");
    return { kind: kind as ChartKind, x: decodeURIComponent(x), y: names.map(decodeURIComponent) };
  } catch {
    return undefined;
  }
}

const kSampled = 1000;

/** Columns that hold figures, and perhaps nothing here and there, but no text. */
export function numericColumns(columns: readonly string[], rows: readonly SqlRow[]): string[] {
  const sample = rows.slice(0, kSampled);
  return columns.filter((_, i) => {
    const cells = sample.map((row) => row[i] ?? null).filter((cell) => cell !== null);
    return cells.length > 0 && cells.every((cell) => typeof cell === "bigint" || typeof cell === "number");
  });
}

/** What a result that nobody chose a chart for would be drawn as; undefined: it has no figures. */
export function usualChart(columns: readonly string[], rows: readonly SqlRow[]): Chart | undefined {
  const numeric = numericColumns(columns, rows);
  const isTime = (name: string) => /^(ts|second|.*start_ns|.*_ts)$/.test(name);
  const time = numeric.find(isTime);
  const others = numeric.filter((name) => name !== time && !/^(pid|cpu|id|prio)$|_pid$/.test(name));
  const y = others[0] ?? numeric[0];
  if (y === undefined) return undefined;
  if (time !== undefined && time !== y) return { kind: "line", x: time, y: [y] };
  const word = columns.find((name) => !numeric.includes(name));
  return word === undefined ? { kind: "histogram", x: "", y: [y] } : { kind: "bar", x: word, y: [y] };
}

export const isNs = (column: string) => /(^|_)ns$|^ts$|_ts$/.test(column);

export interface Problem {
  title: string;
  words: string; // the server's
  remedy: string;
}

/** By the name of the code, as the wire has it. */
export function problemOf(code: string, words: string): Problem {
  const [title, remedy] = kProblems[code] ?? [
    "The query failed",
    "Run it again; if it fails again, look at the server's log.",
  ];
  return { title, words, remedy };
}

const kProblems: Record<string, [string, string]> = {
  invalid_argument: [
    "This is no SQL that the recording can answer",
    "Compare names of tables and columns with the schema, and the syntax with SQLite's.",
  ],
  permission_denied: [
    "Only reading is allowed",
    "Use one SELECT (WITH … SELECT and EXPLAIN are fine too). Nothing can be changed from here.",
  ],
  deadline_exceeded: [
    "It took longer than it may",
    "Narrow it: a range of ts or start_ns, one cpu, or a LIMIT; or allow it more seconds, up to the server's own limit.",
  ],
  not_found: [
    "There is nothing to ask",
    "Choose another host or recording; a new one holds something after its first batch.",
  ],
  resource_exhausted: ["The server has too much to do", "Wait a moment, then run it again."],
  unavailable: ["The server cannot be reached", "What is in the editor is kept. Run it again when the server is back."],
  unimplemented: ["This server answers no SQL", "It is older than this page; upgrade it."],
  unauthenticated: ["The server wants a token", "Open the page with a token that may read."],
};

export interface SchemaTable {
  name: string;
  columns: readonly { name: string; type: string }[];
  event: boolean; // of a kernel event
  recorded: bigint | undefined; // how often; undefined: nobody counted
}

/** What was measured and found in front, then recorded events, the most frequent first; the others are those not recorded. */
export function orderedSchema(schema: GetSchemaResponse, counts: ReadonlyMap<string, bigint>) {
  const tables = schema.tables.map((table): SchemaTable => {
    const names = table.columns.map(({ name }) => name);
    const event = names[0] === "id" && names[1] === "ts" && names[2] === "cpu" && names.includes("common_pid");
    return { name: table.name, columns: table.columns, event, recorded: counts.get(table.name) };
  });
  const isKnown = ({ event, name }: SchemaTable) => !event || kGathered.has(name);
  const known = tables.filter(isKnown);
  const events = tables.filter((table) => !isKnown(table));
  const often = ({ recorded }: SchemaTable) => recorded ?? 0n;
  return {
    known: known.sort((a, b) => rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : 1)),
    recorded: events
      .filter((table) => often(table) > 0n)
      .sort((a, b) => (often(b) > often(a) ? 1 : often(b) < often(a) ? -1 : a.name < b.name ? -1 : 1)),
    others: events.filter((table) => often(table) === 0n),
  };
}

const kGathered = new Set(["event", "softirq", "work"]); // shaped as events are
const kFirst = ["waits", "thread_summary", "finding", "work", "work_summary", "softirq", "softirq_summary", "event"];
const rankOf = ({ name }: SchemaTable) => (kFirst.includes(name) ? kFirst.indexOf(name) : kFirst.length);

/** A name as SQL takes it: in quotes where it is a keyword or no plain word. */
export function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/i.test(name) && !kKeywords.has(name.toLowerCase())
    ? name
    : `"${name.replaceAll('"', '""')}"`;
}

const kKeywords = new Set(
  (
    "add all and as asc between by case check collate column commit constraint create cross default delete desc distinct " +
    "drop else end escape except exists from full function glob group having if in index inner insert intersect into is " +
    "isnull join key left like limit natural no not notnull null of offset on or order outer over partition primary " +
    "references right rows select set table then to transaction union unique update using values when where window with"
  ).split(" "),
);
