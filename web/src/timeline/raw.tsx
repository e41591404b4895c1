// The events behind what is selected, as they were recorded.
import { useEffect, useState } from "preact/hooks";
import { explain, sql } from "../api/client";
import { EventTable } from "../parts/events";
import { Foreign } from "../parts/text";
import { plural } from "../text/units";
import type { Engine } from "./engine";
import type { Item } from "./items";
import { findEvents, type Answer, type Ask, type RawEvents as Found } from "./raw_events";

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

function load(engine: Engine, item: Item, signal: AbortSignal): Promise<Found> {
  const { host, recording } = engine.scene.source;
  const ask: Ask = async (part, statement) => {
    const answer: Answer = { rows: [], truncated: false, part: 0, parts: 0 };
    for await (const { rows, end } of sql.query({ host, recording, part, sql: statement }, { signal })) {
      answer.rows.push(...rows.map(({ values }) => values.map(({ value }) => value.value)));
      if (end !== undefined) Object.assign(answer, { truncated: end.truncated, part: end.part, parts: end.parts });
    }
    return answer;
  };
  return findEvents(ask, engine.toNs(item.from), engine.toNs(item.to), cpusOf(item));
}

export function RawEvents({ engine, item }: { engine: Engine; item: Item }) {
  const [open, setOpen] = useState(false);
  const [loaded, setLoaded] = useState<Found>();
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
