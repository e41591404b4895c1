// One picture by uPlot. It draws on a canvas, so names in it are only ever pixels.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onThemeChange, readColours, translucent } from "../parts/colours";
import type { Drawn } from "../state/chart";
import { isNs, type ChartKind } from "../state/sql";
import { duration, roughCount } from "../text/units";
import { visible } from "../text/visible";

const kWholeSteps = [1, 10, 100, 1000, 10_000].flatMap((step) => [step, 2 * step, 5 * step]);
const kHeightPx = 280;
const kLabelMax = 17; // characters
/** A second cue beside the colour. */
const kDashes: readonly number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];
const kColours = ["--accent", "--warn", "--good", "--bad", "--note", "--quiet"] as const;

function colours() {
  const read = readColours([...kColours, "--line", "--paper"]);
  const series = kColours.map((name) => read[name]);
  return { ink: read["--quiet"], line: read["--line"], paper: read["--paper"], series };
}

function shortened(text: string): string {
  const clean = visible(text);
  return clean.length > kLabelMax ? `${clean.slice(0, kLabelMax - 1)}…` : clean;
}

const figureOf = (name: string) => (value: number | null) =>
  value === null
    ? "–"
    : isNs(name.replace(/^rows by /, "")) && !name.startsWith("rows by ")
      ? duration(value)
      : roughCount(value);

function barPaths(index: number, many: number) {
  const share = 0.8 / many;
  return uPlot.paths.bars!({
    size: [share, 60],
    align: 0,
    disp: {
      x0: { unit: 1, values: (u) => (u.data[0] as number[]).map((x) => x - 0.4 + index * share) },
      size: { unit: 1, values: (u) => (u.data[0] as number[]).map(() => share * 0.94) },
    },
  });
}

function optionsFor(kind: ChartKind, x: string, drawn: Drawn, widthPx: number): uPlot.Options {
  const { ink, line, paper, series } = colours();
  const grid = { stroke: line, width: 1 };
  const { labels } = drawn;
  const unit = drawn.series[0] ?? "";
  const labelOf = (at: number) => {
    const label = labels?.[at];
    if (label === undefined || !Number.isInteger(at)) return "";
    return kind === "histogram" ? figureOf(unit.replace(/^rows by /, ""))(Number(label)) : shortened(label);
  };
  const isTime = isNs(x) || x === "second";
  return {
    width: widthPx,
    height: kHeightPx,
    legend: { live: true },
    ...(kind === "bar" ? { padding: [8, 48, 0, 0] as uPlot.Padding } : {}),
    cursor: { drag: { x: true, y: false } },
    scales: {
      x: labels === undefined ? { time: false } : { time: false, range: [-0.6, labels.length - 0.4] },
      y: kind === "line" ? {} : { range: (_, __, max) => [0, (max || 1) * 1.05] },
    },
    axes: [
      {
        stroke: ink,
        grid: labels === undefined ? grid : { show: false },
        ...(labels === undefined
          ? {
              space: isTime ? 110 : 60,
              values: (_, splits) => splits.map((at) => (isTime ? trimmed(at, x) : roughCount(at))),
            }
          : {
              values: (_, splits) => splits.map(labelOf),
              incrs: [1, 2, 3, 5, 10, 20, 30],
              ...(kind === "bar" ? { rotate: -45, size: 112, gap: 6, space: 16 } : { space: 60 }),
            }),
      },
      {
        stroke: ink,
        grid,
        size: 64,
        ...(kind === "histogram" ? { incrs: kWholeSteps } : {}),
        values: (_, splits) => splits.map(figureOf(unit)),
      },
    ],
    series: [
      {
        label:
          labels === undefined ? visible(x === "" ? "row" : x) : kind === "histogram" ? "from" : visible(x || "row"),
        value: (_, at: number | null) => (at === null ? "–" : labels === undefined ? String(at) : labelOf(at)),
      },
      ...drawn.series.map((name, i): uPlot.Series => ({
        label: visible(name),
        stroke: series[i % series.length]!,
        width: kind === "line" ? 1.5 : 1,
        dash: kind === "line" ? (kDashes[i % kDashes.length] ?? []) : [],
        points: { show: kind === "line" && drawn.x.length < 300, size: 5, fill: paper },
        value: (_, value: number | null) => figureOf(name)(value),
        ...(kind === "line"
          ? {}
          : { fill: translucent(series[i % series.length]!, 0.6), paths: barPaths(i, drawn.series.length) }),
      })),
    ],
  };
}

/** Seconds of trace time. */
function trimmed(at: number, x: string): string {
  return x === "second" ? String(at) : `${Number((at / 1e9).toFixed(6))}\u202fs`;
}

export function Plot({ kind, x, drawn }: { kind: ChartKind; x: string; drawn: Drawn }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let plot: uPlot | undefined;
    const make = () => {
      plot?.destroy();
      plot = new uPlot(
        optionsFor(kind, x, drawn, element.clientWidth),
        [drawn.x, ...drawn.y] as uPlot.AlignedData,
        element,
      );
    };
    make();
    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: kHeightPx }));
    resized.observe(element);
    // Colours are drawn into the picture: another theme is another picture.
    const unwatch = onThemeChange(make);
    return () => {
      resized.disconnect();
      unwatch();
      plot?.destroy();
    };
  }, [kind, x, drawn]);
  const words = `${kind === "line" ? "Line chart" : kind === "bar" ? "Bar chart" : "Histogram"} of ${drawn.series.map(visible).join(", ")}`;
  return <div class="plot" ref={place} role="img" aria-label={words} />;
}
