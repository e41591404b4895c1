// The events behind what is selected, as they were recorded.
import { useEffect, useState } from "preact/hooks";
import { explain, sql } from "../api/client";
import { EventTable } from "../parts/events";
import { Foreign } from "../parts/text";
import { plural } from "../text/units";
import type { Engine } from "./engine";
import type { Item } from "./items";

interface RawEvent {
  cpu: number;
  tsNs: bigint;
  event: string;
}
interface Loaded {
  events: RawEvent[];
  truncated: boolean;
}

const kRowsMax = 60;
const kPartsMax = 16;

/** CPUs whose events tell of it; none: those of all. */
export function cpusOf(item: Item): number[] {
  switch (item.kind) {
    case "wakeup":
      return [...new Set([item.wakeup.wakerCpu, item.wakeup.targetCpu])];
    case "slice":
    case "bin":
    case "gap":
    case "activity":
      return [item.cpu];
    default:
      return [];
  }
}

/** Only numbers go into it. */
export function queryFor(fromNs: bigint, toNs: bigint, cpus: readonly number[]): string {
  const where = cpus.length === 0 ? "" : ` AND cpu IN (${cpus.map((cpu) => Math.trunc(cpu)).join(", ")})`;
  return `SELECT ts, cpu, type, args FROM event WHERE ts BETWEEN ${fromNs} AND ${toNs}${where} ORDER BY ts LIMIT ${kRowsMax}`;
}

async function load(engine: Engine, item: Item, signal: AbortSignal): Promise<Loaded> {
  const { host, recording } = engine.scene.source;
  const query = queryFor(engine.toNs(item.from), engine.toNs(item.to), cpusOf(item));
  // A recording has its events in one file after the other, and a query reads one: the newest first.
  for (let part = 0, tried = 0; tried < kPartsMax; tried++) {
    const events: RawEvent[] = [];
    let truncated = false;
    let read = 0;
    for await (const message of sql.query({ host, recording, part, sql: query }, { signal })) {
      for (const { values } of message.rows) {
        const [ts, cpu, type, args] = values.map(({ value }) => value.value);
        events.push({ cpu: Number(cpu), tsNs: BigInt(ts ?? 0), event: `${String(type)} ${String(args ?? "")}` });
      }
      if (message.end !== undefined) {
        truncated = message.end.truncated;
        read = message.end.part;
      }
    }
    if (events.length > 0 || read <= 1) return { events, truncated: truncated || events.length === kRowsMax };
    part = read - 1;
  }
  return { events: [], truncated: false };
}

export function RawEvents({ engine, item }: { engine: Engine; item: Item }) {
  const [open, setOpen] = useState(false);
  const [loaded, setLoaded] = useState<Loaded>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (!open) return;
    const abort = new AbortController();
    load(engine, item, abort.signal).then(setLoaded, (error: unknown) => {
      if (!abort.signal.aborted) setProblem(explain(error).problem);
    });
    return () => abort.abort();
  }, [open]);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Raw events</summary>
      {open && problem !== "" && (
        <p role="status">
          The server gave no events: <Foreign text={problem} />
        </p>
      )}
      {open && problem === "" && loaded === undefined && <p class="quiet">Loading</p>}
      {open && loaded !== undefined && (
        <>
          <p class="quiet">
            {loaded.events.length === 0
              ? "The recording has no event here."
              : `${loaded.truncated ? "The first " : ""}${plural(loaded.events.length, "event", "events")} from its start to its end.`}
          </p>
          <EventTable caption="Raw events" startNs={engine.toNs(item.from)} events={loaded.events} />
        </>
      )}
    </details>
  );
}
