import type { HistogramBucket, Quantiles } from "../gen/wakewatch/v1/analysis_pb";
import { decades, logShare, toBars, type Bars } from "../state/histogram";
import { ExportMenu } from "./export_menu";
import { count, duration, roughCount } from "../text/units";

const kWidth = 560;
const kHeight = 200;
const kLeft = 44;
const kRight = 10;
const kTop = 26;
const kBottom = 24;
const kPlotWidth = kWidth - kLeft - kRight;
const kPlotHeight = kHeight - kTop - kBottom;

/** A latency distribution; both axes are logarithmic. The same figures follow as a table for who cannot see it. */
export function Histogram(props: {
  title: string;
  buckets: readonly HistogramBucket[];
  quantiles: Quantiles | undefined;
}) {
  const bars = toBars(props.buckets);
  if (bars.bars.length === 0) return <p class="quiet">No wait was measured yet.</p>;
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} role="img" aria-label={`${props.title}: ${count(bars.total)} waits`}>
        <Axes bars={bars} />
        <BarShapes bars={bars} />
        <Marks bars={bars} quantiles={props.quantiles} />
      </svg>
      <details>
        <summary>As a table</summary>
        <ExportMenu
          caption={props.title}
          rows={props.buckets.length}
          partly={undefined}
          make={() => ({
            names: ["low_ns", "high_ns", "count"],
            rows: props.buckets.map(({ lowNs, highNs, count: n }) => [lowNs, highNs, n]),
          })}
        />
        <table class="grid small">
          <thead>
            <tr>
              <th scope="col" class="number">
                from
              </th>
              <th scope="col" class="number">
                to
              </th>
              <th scope="col" class="number">
                waits
              </th>
            </tr>
          </thead>
          <tbody>
            {bars.bars
              .filter((bar) => bar.count > 0)
              .map((bar) => (
                <tr key={bar.lowNs}>
                  <td class="number">{duration(bar.lowNs)}</td>
                  <td class="number">{duration(bar.highNs)}</td>
                  <td class="number">{count(bar.count)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function xOf(ns: number, { bars }: Bars): number {
  const low = Math.log10(bars[0]!.lowNs);
  const high = Math.log10(bars.at(-1)!.highNs);
  const share = (Math.log10(Math.max(ns, 1)) - low) / (high - low);
  return kLeft + kPlotWidth * Math.min(1, Math.max(0, share));
}

const yOf = (share: number) => kTop + kPlotHeight * (1 - share);

function Axes({ bars }: { bars: Bars }) {
  const ticksY = decades(bars.highest);
  const top = ticksY.at(-1)!;
  const from = Math.ceil(Math.log10(bars.bars[0]!.lowNs) - 1e-9);
  const to = Math.floor(Math.log10(bars.bars.at(-1)!.highNs) + 1e-9);
  const ticksX = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => 10 ** (from + i));
  return (
    <g class="axes">
      {ticksY.map((tick) => (
        <g key={tick}>
          <line x1={kLeft} x2={kWidth - kRight} y1={yOf(logShare(tick, top))} y2={yOf(logShare(tick, top))} />
          <text x={kLeft - 6} y={yOf(logShare(tick, top)) + 3.5} text-anchor="end">
            {roughCount(tick).replace(/\.0+(?=\D|$)/, "")}
          </text>
        </g>
      ))}
      {ticksX.map((tick) => (
        <g key={tick}>
          <line
            class="tick"
            x1={xOf(tick, bars)}
            x2={xOf(tick, bars)}
            y1={kTop + kPlotHeight}
            y2={kTop + kPlotHeight + 4}
          />
          <text x={xOf(tick, bars)} y={kHeight - 6} text-anchor="middle">
            {duration(tick).replace(/\.0+(?=\D|$)/, "")}
          </text>
        </g>
      ))}
      <line class="base" x1={kLeft} x2={kWidth - kRight} y1={kTop + kPlotHeight} y2={kTop + kPlotHeight} />
    </g>
  );
}

function BarShapes({ bars }: { bars: Bars }) {
  const top = decades(bars.highest).at(-1)!;
  return (
    <g class="bars">
      {bars.bars.map((bar) => {
        const x = xOf(bar.lowNs, bars);
        const y = yOf(logShare(bar.count, top));
        if (bar.count === 0) return null;
        return (
          <rect
            key={bar.lowNs}
            x={x + 0.5}
            width={Math.max(1, xOf(bar.highNs, bars) - x - 1)}
            y={y}
            height={kTop + kPlotHeight - y}
          >
            <title>{`${duration(bar.lowNs)} to ${duration(bar.highNs)}: ${count(bar.count)}`}</title>
          </rect>
        );
      })}
    </g>
  );
}

function Marks({ bars, quantiles }: { bars: Bars; quantiles: Quantiles | undefined }) {
  if (quantiles === undefined || quantiles.n === 0n) return null;
  const marks: [string, bigint][] = [
    ["p50", quantiles.p50Ns],
    ["p90", quantiles.p90Ns],
    ["p99", quantiles.p99Ns],
    ["max", quantiles.maxNs],
  ];
  // Marks that would lie over one another give way to the one on the right; the figures are in the table anyway.
  const shown = marks
    .map(([name, ns]) => ({ name, x: xOf(Number(ns), bars) }))
    .filter(({ x }, i, all) => i === all.length - 1 || all[i + 1]!.x - x > 26);
  return (
    <g class="quantiles">
      {shown.map(({ name, x }) => (
        <g key={name}>
          <line x1={x} x2={x} y1={kTop - 6} y2={kTop + kPlotHeight} />
          <text x={Math.min(x, kWidth - 14)} y={kTop - 10} text-anchor="middle">
            {name}
          </text>
        </g>
      ))}
    </g>
  );
}
