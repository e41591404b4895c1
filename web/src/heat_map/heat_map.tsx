// How long waits were, over time. A part that is marked with the pointer or the arrow keys becomes the page's span.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { analysis } from "../api/client";
import type { GetHeatMapResponse } from "../gen/wakewatch/v1/analysis_pb";
import { onThemeChange } from "../parts/colours";
import { Fed } from "../parts/feed_note";
import { useSpanPoll } from "../parts/in_span";
import type { Chosen } from "../parts/recording";
import { Table, type Column } from "../parts/table";
import { replaceQuery } from "../router";
import { boundsOf, columnsWithGaps, ordered, sumOf, type Range } from "../state/heat_map";
import { kKernelKinds } from "../text/kinds";
import { traceTime } from "../text/times";
import { count, duration, plural } from "../text/units";
import { columnAt, layoutOf, paint } from "./paint";

const kColumnsMax = 240;
const kDragPx = 4; // less is a click

interface Props {
  chosen: Chosen;
  query: URLSearchParams;
  /** Of one thread; else of kernel threads, and of user tasks if they are wanted. */
  pid?: number;
  userTasks: boolean;
}

/** Below InSpan. */
export function HeatMap({ chosen, query, pid, userTasks }: Props) {
  const excess = query.get("heat") === "excess";
  const filter = pid !== undefined ? { pids: [pid] } : userTasks ? {} : { kinds: [...kKernelKinds] };
  const { state, feed } = useSpanPoll(
    `heat map ${excess} ${JSON.stringify(filter)}`,
    chosen,
    query,
    (recording, options) => analysis.getHeatMap({ recording, filter, columnsMax: kColumnsMax, excess }, options),
  );
  return (
    <section class="heat-map" aria-label="Heat map of waits over time">
      <div class="toolbar">
        {pid === undefined ? <h2>Waits over time</h2> : <h3>Waits over time</h3>}
        <div class="choice" role="group" aria-label="What is drawn">
          {([false, true] as const).map((one) => (
            <button
              key={String(one)}
              type="button"
              aria-pressed={one === excess}
              onClick={() => replaceQuery({ heat: one ? "excess" : undefined })}
            >
              {one ? "Excess" : "Latency"}
            </button>
          ))}
        </div>
      </div>
      <Fed feed={feed} what="heat map">
        {state !== undefined && <Picture map={state} excess={excess} query={query} />}
      </Fed>
    </section>
  );
}

function told(map: GetHeatMapResponse, range: Range): string {
  const { fromNs, toNs } = boundsOf(map, range);
  const { waits, maxNs, gap } = sumOf(map, range);
  const longest = waits === 0n ? "" : `, the longest ${duration(maxNs)}`;
  return (
    `${traceTime(fromNs)} to ${traceTime(toNs)} s: ${plural(waits, "wait", "waits")} ended${longest}` +
    (gap ? "; events were lost here, there may have been more" : "")
  );
}

function Picture({ map, excess, query }: { map: GetHeatMapResponse; excess: boolean; query: URLSearchParams }) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [listed, setListed] = useState(false);
  const [widthPx, setWidthPx] = useState(900);
  const [marked, setMarked] = useState<{ anchor: number; end: number }>();
  const layout = useMemo(() => layoutOf(map, widthPx), [map, widthPx]);
  const range = marked === undefined ? undefined : ordered(marked.anchor, marked.end);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => setWidthPx(Math.max(200, element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [map.columns.length === 0]);
  useEffect(() => {
    const draw = () => canvas.current && paint(canvas.current, map, layout, range);
    draw();
    return onThemeChange(draw);
  }, [map, layout, range?.first, range?.last]);
  if (map.waits === 0n) {
    return (
      <p class="quiet">
        {excess ? "No wait here has any excess." : "No wait was measured here."} Waits that touch a gap are unknown and
        not drawn.
      </p>
    );
  }
  const zoom = (to: Range) => {
    const { fromNs, toNs } = boundsOf(map, to);
    setMarked(undefined);
    replaceQuery({ span: "custom", from: traceTime(fromNs), to: traceTime(toNs) });
  };
  const isPart = query.get("span") !== null;
  return (
    <>
      <div
        class="heat-picture"
        ref={place}
        tabIndex={0}
        role="group"
        aria-label={`${count(map.waits)} waits over time by their ${excess ? "excess" : "latency"}`}
        aria-describedby="heat-keys"
        onKeyDown={(event) => onKey(event, map, marked, setMarked, zoom)}
      >
        <canvas
          ref={canvas}
          aria-hidden="true"
          style={{ width: `${layout.widthPx}px`, height: `${layout.heightPx}px` }}
          {...pointerHandlers(map, layout, setMarked, zoom)}
        />
      </div>
      <p class="heat-told">
        <span role="status">{range === undefined ? "" : told(map, range)}</span>
        {range !== undefined && (
          <button type="button" onClick={() => zoom(range)}>
            Look at this part
          </button>
        )}
        {isPart && (
          <button type="button" onClick={() => replaceQuery({ span: undefined, from: undefined, to: undefined })}>
            All of the recording
          </button>
        )}
      </p>
      <p id="heat-keys" class={range === undefined ? "quiet" : "hidden"}>
        {count(map.waits)} waits, each where it ended; a stronger colour is more, on a logarithmic scale
        {map.gaps.some(({ gaps }) => gaps.length > 0) &&
          "; hatched below: events were lost, what is drawn there is a part"}
        . Drag, or use <kbd>←</kbd> <kbd>→</kbd> with <kbd>Shift</kbd> and <kbd>Enter</kbd>, to look at a part of the
        time.
      </p>
      <details onToggle={(event) => setListed(event.currentTarget.open)}>
        <summary>As a table</summary>
        {listed && <Columns map={map} />}
      </details>
    </>
  );
}

type Marked = { anchor: number; end: number } | undefined;

function onKey(
  event: KeyboardEvent,
  map: GetHeatMapResponse,
  marked: Marked,
  mark: (marked: Marked) => void,
  zoom: (range: Range) => void,
) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const last = map.columns.length - 1;
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    PageUp: -10,
    PageDown: 10,
    Home: -last,
    End: last,
  };
  const step = steps[event.key];
  if (step !== undefined) {
    const end = marked === undefined ? 0 : Math.max(0, Math.min(last, marked.end + step));
    mark({ anchor: event.shiftKey && marked !== undefined ? marked.anchor : end, end });
  } else if (event.key === "Enter" && marked !== undefined) {
    zoom(ordered(marked.anchor, marked.end));
  } else if (event.key === "Escape" && marked !== undefined) {
    mark(undefined);
  } else {
    return;
  }
  event.preventDefault();
}

function pointerHandlers(
  map: GetHeatMapResponse,
  layout: ReturnType<typeof layoutOf>,
  mark: (marked: Marked) => void,
  zoom: (range: Range) => void,
) {
  const at = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return columnAt(map, layout, event.clientX - box.left);
  };
  return {
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0) return;
      const canvas = event.currentTarget as HTMLCanvasElement;
      canvas.setPointerCapture(event.pointerId);
      const begunPx = event.clientX;
      const anchor = at(event);
      mark({ anchor, end: anchor });
      const move = (moved: PointerEvent) =>
        mark({ anchor, end: columnAt(map, layout, moved.clientX - canvas.getBoundingClientRect().left) });
      const up = (raised: PointerEvent) => {
        canvas.removeEventListener("pointermove", move);
        canvas.removeEventListener("pointerup", up);
        canvas.removeEventListener("pointercancel", up);
        if (raised.type === "pointercancel" || Math.abs(raised.clientX - begunPx) < kDragPx) return;
        zoom(ordered(anchor, columnAt(map, layout, raised.clientX - canvas.getBoundingClientRect().left)));
      };
      canvas.addEventListener("pointermove", move);
      canvas.addEventListener("pointerup", up);
      canvas.addEventListener("pointercancel", up);
    },
  };
}

interface ColumnRow {
  fromNs: bigint;
  toNs: bigint;
  waits: bigint;
  maxNs: bigint;
  gap: boolean;
}

const kColumns: readonly Column<ColumnRow>[] = [
  {
    id: "from",
    title: "From, s",
    rem: 11,
    numeric: true,
    unit: "ns",
    value: (row) => row.fromNs,
    cell: (row) => traceTime(row.fromNs),
  },
  {
    id: "to",
    title: "To, s",
    rem: 11,
    numeric: true,
    unit: "ns",
    value: (row) => row.toNs,
    cell: (row) => traceTime(row.toNs),
  },
  { id: "waits", title: "Waits", rem: 6, numeric: true, value: (row) => row.waits, cell: (row) => count(row.waits) },
  {
    id: "max",
    title: "Longest",
    rem: 7,
    numeric: true,
    unit: "ns",
    value: (row) => row.maxNs,
    raw: (row) => (row.waits === 0n ? null : row.maxNs),
    cell: (row) => (row.waits === 0n ? "–" : duration(row.maxNs)),
  },
  {
    id: "gap",
    title: "Lost events",
    rem: 7,
    value: (row) => Number(row.gap),
    raw: (row) => row.gap,
    cell: (row) => (row.gap ? <span class="strong-bad">yes</span> : "no"),
  },
];

function Columns({ map }: { map: GetHeatMapResponse }) {
  const [sort, setSort] = useState({ column: "from", descending: false });
  const rows = useMemo(() => {
    const gaps = columnsWithGaps(map);
    return map.columns
      .map((column, i): ColumnRow => ({
        ...boundsOf(map, { first: i, last: i }),
        waits: column.waits,
        maxNs: column.maxNs,
        gap: gaps[i]!,
      }))
      .filter(({ waits, gap }) => waits > 0n || gap);
  }, [map]);
  return (
    <Table
      caption="Waits over time"
      columns={kColumns}
      rows={rows}
      rowKey={(row) => String(row.fromNs)}
      sort={sort}
      onSort={setSort}
      empty="No wait was measured here."
    />
  );
}
