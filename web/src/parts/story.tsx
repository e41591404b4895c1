// The evidence on a line of time: one lane a CPU, the wait as a band behind them.
import type { Finding } from "../gen/wakewatch/v1/findings_pb";
import { spread } from "../state/lanes";
import { offset } from "../text/times";
import { duration } from "../text/units";
import { visible } from "../text/visible";

const kWidth = 960;
const kLeft = 72;
const kRight = 24;
const kLanePx = 30;
const kTop = 22;
const kRadius = 9;

export function Story({ finding }: { finding: Finding }) {
  const { evidence, startNs, endNs } = finding;
  if (evidence.length === 0) return null;
  const times = [startNs, endNs, ...evidence.map(({ tsNs }) => tsNs)];
  const first = times.reduce((a, b) => (a < b ? a : b));
  const last = times.reduce((a, b) => (a > b ? a : b));
  const span = Number(last - first) || 1;
  const x = (ns: bigint) => kLeft + (Number(ns - first) / span) * (kWidth - kLeft - kRight);
  const cpus = [...new Set(evidence.map(({ cpu }) => cpu))].sort((a, b) => a - b);
  const y = (cpu: number) => kTop + (cpus.indexOf(cpu) + 0.5) * kLanePx;
  const marks = evidence.map(({ cpu, tsNs }) => ({ lane: cpu, x: x(tsNs) }));
  const xs = spread(marks, 2 * kRadius + 1, kLeft, kWidth - kRight);
  const bottom = kTop + cpus.length * kLanePx;
  return (
    <svg
      class="story"
      viewBox={`0 0 ${kWidth} ${bottom + 20}`}
      role="img"
      aria-label={`${evidence.length} events on ${cpus.length} CPUs over ${duration(last - first)}`}
    >
      <rect class="wait" x={x(startNs)} width={Math.max(1, x(endNs) - x(startNs))} y={kTop} height={bottom - kTop} />
      <text class="waited" x={(x(startNs) + x(endNs)) / 2} y={kTop - 8} text-anchor="middle">
        waited {duration(finding.waitedNs)}
      </text>
      {cpus.map((cpu) => (
        <g key={cpu}>
          <line x1={kLeft} x2={kWidth - kRight} y1={y(cpu)} y2={y(cpu)} />
          <text x={kLeft - 16} y={y(cpu) + 4} text-anchor="end">
            CPU {cpu}
          </text>
        </g>
      ))}
      {evidence.map((event, i) => (
        <g key={i} class="event">
          <circle cx={xs[i]!} cy={y(event.cpu)} r={kRadius} />
          <text x={xs[i]!} y={y(event.cpu) + 3.5} text-anchor="middle">
            {i + 1}
          </text>
          <title>{`${i + 1}: ${offset(event.tsNs - startNs)} ${visible(event.event)}`}</title>
        </g>
      ))}
      <text x={kLeft} y={bottom + 14}>
        {offset(first - startNs)}
      </text>
      <text x={kWidth - kRight} y={bottom + 14} text-anchor="end">
        {offset(last - startNs)}
      </text>
    </svg>
  );
}
