// The recorded events of a span of time. A recording keeps them in parts, one after the other, and a query reads one part.

export interface RawEvent {
  cpu: number;
  tsNs: bigint;
  event: string;
}
export interface RawEvents {
  events: RawEvent[];
  truncated: boolean;
}
export type Value = bigint | number | string | undefined;
export interface Answer {
  rows: Value[][];
  truncated: boolean;
  part: number; // that was read
  parts: number;
}
/** Runs a statement on a part, from 1; 0: the newest. */
export type Ask = (part: number, sql: string) => Promise<Answer>;

export const kRowsMax = 60;
const kSpan = "SELECT min(first_ns), max(last_ns) FROM chunk";

/** Only numbers go into it. */
export function queryFor(fromNs: bigint, toNs: bigint, cpus: readonly number[]): string {
  const where = cpus.length === 0 ? "" : ` AND cpu IN (${cpus.map((cpu) => Math.trunc(cpu)).join(", ")})`;
  return `SELECT ts, cpu, type, args FROM event WHERE ts BETWEEN ${fromNs} AND ${toNs}${where} ORDER BY ts LIMIT ${kRowsMax}`;
}

function eventOf([ts, cpu, type, args]: Value[]): RawEvent {
  return { cpu: Number(cpu), tsNs: BigInt(ts ?? 0), event: `${String(type)} ${String(args ?? "")}` };
}

/** Asks for the spans of a few parts, and for the events of those that have some of the span that is wanted. */
export async function findEvents(ask: Ask, fromNs: bigint, toNs: bigint, cpus: readonly number[]): Promise<RawEvents> {
  const query = queryFor(fromNs, toNs, cpus);
  const newest = await ask(0, query);
  if (newest.parts <= 1) return { events: newest.rows.map(eventOf), truncated: newest.truncated };
  // The first part that does not end before the span. One without events ends nowhere.
  const endsBefore = async (part: number) => {
    const [, last] = (await ask(part, kSpan)).rows[0] ?? [];
    return last !== undefined && BigInt(last) < fromNs;
  };
  let low = 1;
  for (let high = newest.parts; low < high;) {
    const middle = (low + high) >> 1;
    if (await endsBefore(middle)) low = middle + 1;
    else high = middle;
  }
  const events: RawEvent[] = [];
  for (let part = low; part <= newest.parts && events.length <= kRowsMax; part++) {
    const [first] = (await ask(part, kSpan)).rows[0] ?? [];
    if (first !== undefined && BigInt(first) > toNs) break;
    const { rows } = part === newest.part ? newest : await ask(part, query);
    events.push(...rows.map(eventOf));
  }
  events.sort((a, b) => (a.tsNs < b.tsNs ? -1 : a.tsNs > b.tsNs ? 1 : a.cpu - b.cpu));
  return { events: events.slice(0, kRowsMax), truncated: events.length >= kRowsMax };
}
