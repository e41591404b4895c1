// Where lanes are drawn: pinned threads first, then CPUs, from top to bottom.
export type LaneId = { kind: "thread"; pid: number } | { kind: "cpu"; cpu: number };
export type Lane = LaneId & { y: number; height: number };

export const kThreadPx = 30;
export const kCpuPx = 42;
export const kGapPx = 4; // below each lane

export interface Layout {
  lanes: readonly Lane[];
  height: number;
}

export function layOut(pids: readonly number[], cpus: readonly number[]): Layout {
  const lanes: Lane[] = [];
  let y = 0;
  for (const pid of pids) {
    lanes.push({ kind: "thread", pid, y, height: kThreadPx });
    y += kThreadPx + kGapPx;
  }
  for (const cpu of cpus) {
    lanes.push({ kind: "cpu", cpu, y, height: kCpuPx });
    y += kCpuPx + kGapPx;
  }
  return { lanes, height: y };
}

export function laneAt({ lanes }: Layout, y: number): Lane | undefined {
  return lanes.find((lane) => y >= lane.y && y < lane.y + lane.height + kGapPx);
}

export function inSight({ lanes }: Layout, top: number, height: number): Lane[] {
  return lanes.filter((lane) => lane.y + lane.height > top && lane.y < top + height);
}

export const sameLane = (a: LaneId | undefined, b: LaneId | undefined) =>
  a !== undefined && b !== undefined && laneKey(a) === laneKey(b);
export const laneKey = (lane: LaneId) => (lane.kind === "cpu" ? `cpu ${lane.cpu}` : `thread ${lane.pid}`);

const kBlock = 16; // CPUs that are asked for together

/** CPUs in view, rounded to whole blocks of the list, so that scrolling asks for a block once. */
export function blocksInSight(cpus: readonly number[], seen: readonly number[]): number[][] {
  if (cpus.length <= kBlock) return cpus.length === 0 ? [] : [[...cpus]];
  const wanted = new Set(seen);
  const blocks: number[][] = [];
  for (let i = 0; i < cpus.length; i += kBlock) {
    const block = cpus.slice(i, i + kBlock);
    if (block.some((cpu) => wanted.has(cpu))) blocks.push(block);
  }
  return blocks;
}

/** How many bins a tile of so many CPUs is asked for: more than can be read at a glance are not worth their time. */
export function binsFor(widthPx: number, cpus: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(256, widthPx * 0.7)));
  return Math.max(256, Math.min(wanted, 2048, 2 ** Math.floor(Math.log2(16_384 / Math.max(1, cpus)))));
}
