// The lanes as a table: for those who do not see the drawing, and those who want the numbers.
import { useState } from "preact/hooks";
import { Table, type Column } from "../parts/table";
import { visible } from "../text/visible";
import { count, duration } from "../text/units";
import type { Engine } from "./engine";
import { titleOf, type Item } from "./items";
import type { LaneId } from "./layout";
import { timeWords } from "./times";

const kRowsMax = 2000; // of a lane

interface Row {
  id: string;
  lane: string;
  item: Item;
}

const kKinds: Record<Item["kind"], string> = {
  slice: "task",
  bin: "bin",
  gap: "gap",
  activity: "beside the task",
  state: "state",
  wait: "wait",
  wakeup: "wakeup",
  finding: "finding",
};
export const harmless = (comm: string, pid: number) =>
  pid < 0 ? visible(comm || "(no name)") : `${visible(comm || "(no name)")} ${pid}`;

export function laneName(engine: Engine, lane: LaneId): string {
  if (lane.kind === "cpu") return `CPU ${lane.cpu}`;
  return harmless(engine.nameOf(lane.pid) || "thread", lane.pid);
}

function columnsOf(engine: Engine): readonly Column<Row>[] {
  const { clock } = engine;
  return [
    {
      id: "from",
      title: "From",
      rem: 13,
      numeric: true,
      unit: "ns",
      value: ({ item }) => item.from,
      raw: ({ item }) => engine.toNs(item.from),
      cell: ({ item }) => (
        <button type="button" class="tl-link" onClick={() => engine.choose(item)}>
          {timeWords(clock, item.from)}
        </button>
      ),
    },
    {
      id: "for",
      title: "For",
      rem: 7,
      numeric: true,
      unit: "ns",
      value: ({ item }) => item.to - item.from,
      cell: ({ item }) => duration(item.to - item.from),
    },
    { id: "lane", title: "Lane", rem: 12, value: ({ lane }) => lane, cell: ({ lane }) => <bdi>{lane}</bdi> },
    {
      id: "kind",
      title: "Is a",
      rem: 8,
      value: ({ item }) => kKinds[item.kind],
      cell: ({ item }) => kKinds[item.kind],
    },
    {
      id: "what",
      title: "What",
      rem: 24,
      value: ({ item }) => titleOf(item, harmless),
      cell: ({ item }) => <bdi>{titleOf(item, harmless)}</bdi>,
    },
  ];
}

export function Twin({ engine }: { engine: Engine }) {
  const [sort, setSort] = useState({ column: "from", descending: false });
  const [only, setOnly] = useState("");
  const { lanes } = engine.layout;
  const { start, end } = engine.view;
  const names = lanes.map((lane) => laneName(engine, lane));
  const rows: Row[] = [];
  let cut = false;
  lanes.forEach((lane, i) => {
    if (only !== "" && names[i] !== only) return;
    const items = engine.itemsOf(lane, start, end, kRowsMax);
    cut ||= items.length >= kRowsMax;
    for (const item of items) rows.push({ id: `${i} ${item.kind} ${item.from}`, lane: names[i]!, item });
  });
  const cpu = lanes.map((lane) => (lane.kind === "cpu" ? lane.cpu : -1));
  for (const one of engine.wakeupsIn(start, end)) {
    const lane = names[cpu.indexOf(one.wakeup.targetCpu)];
    if (lane !== undefined && (only === "" || only === lane))
      rows.push({ id: `wakeup ${one.pid} ${one.from} ${one.to}`, lane, item: one });
  }
  return (
    <section class="tl-panel" aria-label="The lanes as a table">
      <div class="toolbar">
        <h2>What is in view</h2>
        <label>
          Lane
          <select aria-label="Lane" value={only} onChange={(event) => setOnly(event.currentTarget.value)}>
            <option value="">all lanes</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span class="quiet" role="status">
          {count(rows.length)} rows{cut ? `; of a lane only the first ${count(kRowsMax)}: zoom in for the others` : ""}
        </span>
      </div>
      <Table
        caption="What is in view, lane by lane"
        columns={columnsOf(engine)}
        rows={rows}
        rowKey={({ id }) => id}
        sort={sort}
        onSort={setSort}
        empty="Nothing is loaded of what is in view."
      />
    </section>
  );
}
