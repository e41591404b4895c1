// What of a result is drawn, and how; the address keeps it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { replaceQuery } from "../router";
import { draw } from "../state/chart";
import { chartText, kChartKinds, numericColumns, usualChart, type Chart, type SqlRow } from "../state/sql";
import { count } from "../text/units";
import { visible } from "../text/visible";
import type { Plot } from "./plot";

const kSeriesMax = 6;
const kNames = { line: "Line", bar: "Bars", histogram: "Histogram" };

interface Props {
  chart: Chart | undefined;
  columns: readonly string[];
  rows: readonly SqlRow[];
}

/** The library that draws comes when the first picture is wanted. */
function usePlot(wanted: boolean): { Plot: typeof Plot | undefined; failed: boolean } {
  const [loaded, setLoaded] = useState<{ Plot: typeof Plot }>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!wanted || loaded !== undefined) return;
    import("./plot").then(
      ({ Plot }) => setLoaded({ Plot }),
      () => setFailed(true),
    );
  }, [wanted]);
  return { Plot: loaded?.Plot, failed };
}

export function ChartOf({ chart, columns, rows }: Props) {
  const numeric = useMemo(() => numericColumns(columns, rows), [columns, rows]);
  const { Plot, failed } = usePlot(chart !== undefined);
  const drawn = useMemo(
    () => (chart === undefined ? undefined : draw(chart, columns, rows)),
    [chart === undefined ? "" : chartText(chart), columns, rows],
  );
  if (numeric.length === 0) return null;
  const set = (next: Chart | undefined) => replaceQuery({ chart: next === undefined ? undefined : chartText(next) });
  if (chart === undefined) {
    return (
      <p>
        <button type="button" onClick={() => set(usualChart(columns, rows))}>
          Draw a chart
        </button>
      </p>
    );
  }
  return (
    <section class="chart" aria-label="Chart of the result">
      <Controls chart={chart} columns={columns} numeric={numeric} set={set} />
      {drawn === undefined && <p class="quiet">Choose a column to draw.</p>}
      {failed && <p role="alert">What draws charts could not be loaded. Reload the page when the server is back.</p>}
      {drawn !== undefined && Plot !== undefined && <Plot kind={chart.kind} x={chart.x} drawn={drawn} />}
      {drawn !== undefined && (
        <p class="quiet">
          {count(drawn.used)} rows are drawn
          {drawn.leftOut > 0 &&
            `; ${count(drawn.leftOut)} are not: ${chart.kind === "bar" ? "bars stand for the first rows" : "they hold no figure there"}`}
          . The table has them all.
        </p>
      )}
    </section>
  );
}

interface ControlsProps {
  chart: Chart;
  columns: readonly string[];
  numeric: readonly string[];
  set(chart: Chart | undefined): void;
}

function Controls({ chart, columns, numeric, set }: ControlsProps) {
  const xs = chart.kind === "bar" ? columns : numeric;
  const turn = (name: string) => {
    const y = chart.y.includes(name) ? chart.y.filter((one) => one !== name) : [...chart.y, name];
    set({ ...chart, y: y.slice(-kSeriesMax) });
  };
  return (
    <div class="toolbar">
      <label>
        Chart
        <select
          aria-label="Chart"
          value={chart.kind}
          onChange={(event) => set({ ...chart, kind: event.currentTarget.value as Chart["kind"] })}
        >
          {kChartKinds.map((kind) => (
            <option key={kind} value={kind}>
              {kNames[kind]}
            </option>
          ))}
        </select>
      </label>
      {chart.kind !== "histogram" && (
        <label>
          over
          <select
            aria-label="over"
            value={chart.x}
            onChange={(event) => set({ ...chart, x: event.currentTarget.value })}
          >
            <option value="">the row's number</option>
            {xs.map((name) => (
              <option key={name} value={name}>
                {visible(name)}
              </option>
            ))}
          </select>
        </label>
      )}
      {chart.kind === "histogram" ? (
        <label>
          of
          <select
            aria-label="of"
            value={chart.y[0] ?? ""}
            onChange={(event) => set({ ...chart, y: [event.currentTarget.value] })}
          >
            {numeric.map((name) => (
              <option key={name} value={name}>
                {visible(name)}
              </option>
            ))}
          </select>
        </label>
      ) : (
        <fieldset class="series">
          <legend class="hidden">What is drawn</legend>
          {numeric.map((name) => (
            <label key={name}>
              <input type="checkbox" checked={chart.y.includes(name)} onChange={() => turn(name)} />
              {visible(name)}
            </label>
          ))}
        </fieldset>
      )}
      <button type="button" class="push" onClick={() => set(undefined)}>
        No chart
      </button>
    </div>
  );
}
