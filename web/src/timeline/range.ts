// What a span of time was spent on, out of what the server told of it.
import type { CpuTile } from "./lanes";
import { kUses } from "./lanes";

export interface CpuUse {
  cpu: number;
  uses: number[]; // ns, by kUses; together what was told of this CPU
  switches: number;
  /** Of a slice's uses only idle and not idle are known. */
  exact: boolean;
}
export interface TaskUse {
  pid: number;
  comm: string;
  ns: number;
}
export interface RangeSummary {
  from: number; // of what was summed up, which may be more than was asked for: whole bins
  to: number;
  cpus: CpuUse[];
  switches: number;
  unknown: number; // ns of all CPUs together of which nothing was told
  /** Empty where the server told bins: who ran is not known then. */
  tasks: TaskUse[];
  slices: boolean;
}

const kFair = kUses.indexOf("fair");
const kIdle = kUses.indexOf("idle");
const kUnknown = kUses.indexOf("unknown");

/** Of slices: a task's time has the interrupts that came in meanwhile. */
export function summarise(tile: CpuTile, from: number, to: number): RangeSummary {
  const slices = tile.binNs === 0;
  const low = slices ? Math.max(from, tile.start) : tile.start;
  const high = slices ? Math.min(to, tile.end) : tile.end;
  const tasks = new Map<number, TaskUse>();
  const cpus: CpuUse[] = [];
  for (const lane of tile.lanes.values()) {
    const uses = kUses.map(() => 0);
    let switches = 0;
    for (let i = 0; i < lane.busiest.length; i++) {
      kUses.forEach((_, use) => (uses[use]! += lane.uses[i * kUses.length + use]!));
      switches += lane.switches[i]!;
    }
    if (slices) switches += sumSlices(lane.slices, low, high, uses, tasks);
    cpus.push({ cpu: lane.cpu, uses, switches, exact: !slices });
  }
  return {
    from: low,
    to: high,
    cpus: cpus.sort((a, b) => a.cpu - b.cpu),
    switches: cpus.reduce((sum, one) => sum + one.switches, 0),
    unknown: cpus.reduce((sum, { uses }) => sum + uses[kUnknown]!, 0),
    tasks: [...tasks.values()].sort((a, b) => b.ns - a.ns || a.pid - b.pid),
    slices,
  };
}

type Slices = CpuTile["lanes"] extends Map<number, infer L> ? (L extends { slices: infer S } ? S : never) : never;

function sumSlices(slices: Slices, low: number, high: number, uses: number[], tasks: Map<number, TaskUse>): number {
  let switches = 0;
  let known = 0;
  for (let i = 0; i < slices.from.length; i++) {
    const ns = Math.min(slices.to[i]!, high) - Math.max(slices.from[i]!, low);
    if (ns <= 0) continue;
    known += ns;
    // Where it ends in the span there was a switch, unless it was not seen.
    if (slices.to[i]! < high && slices.after[i] !== "") switches++;
    const pid = slices.pid[i]!;
    uses[pid === 0 ? kIdle : kFair]! += ns;
    if (pid === 0) continue;
    const task = tasks.get(pid) ?? { pid, comm: slices.comm[i]!, ns: 0 };
    task.ns += ns;
    tasks.set(pid, task);
  }
  uses[kUnknown]! += Math.max(0, high - low - known);
  return switches;
}
