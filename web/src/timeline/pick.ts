// What is under the pointer.
import type { Engine } from "./engine";
import { activityAt, cpuItemAt, wakeupItem, type Item } from "./items";
import { laneAt } from "./layout";
import { kLeftPx, type Arrow } from "./paint";
import { kActivityPx, kSlicePx } from "./paint_lanes";
import { findingX, kFindingsPx, kHeadPx, kOverviewPx } from "./paint_head";
import { nsAt } from "./view";

const kNearPx = 5;

/** The distance of a point from a line between two. */
export function distanceTo({ x1, y1, x2, y2 }: Omit<Arrow, "wakeup">, x: number, y: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / squared));
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

/** In the lanes; y counts from the top of what is in view. */
export function pick(engine: Engine, arrows: readonly Arrow[], x: number, y: number): Item | undefined {
  if (x < kLeftPx) return undefined;
  const at = nsAt(engine.view, engine.width, x - kLeftPx);
  const lane = laneAt(engine.layout, y + engine.top);
  const within = lane === undefined ? 0 : y + engine.top - lane.y;
  if (lane?.kind === "cpu" && within >= kSlicePx) {
    const activity = activityNear(engine, lane.cpu, at, Math.floor((within - kSlicePx) / kActivityPx));
    if (activity !== undefined) return activity;
  }
  let nearest: Arrow | undefined;
  let best = kNearPx;
  for (const arrow of arrows) {
    const distance = distanceTo(arrow, x, y);
    if (distance >= best) continue;
    best = distance;
    nearest = arrow;
  }
  if (nearest !== undefined) return wakeupItem(nearest.wakeup);
  if (lane === undefined) return undefined;
  if (lane.kind === "thread") return engine.threadItemAt(lane.pid, at);
  return cpuItemAt(engine.scene.cpu(lane.cpu), at);
}

/** Short ones are drawn wider than they are. */
function activityNear(engine: Engine, cpu: number, at: number, depth: number): Item | undefined {
  const shown = engine.scene.activities(cpu);
  const pixel = (engine.view.end - engine.view.start) / engine.width;
  for (const shift of [0, -1, 1, -2]) {
    const found = activityAt(shown, cpu, at + shift * pixel, depth);
    if (found !== undefined) return found;
  }
  return undefined;
}

export type HeadPart = "overview" | "ruler" | "findings";

export function headPart(y: number): HeadPart {
  if (y < kOverviewPx) return "overview";
  return y < kHeadPx - kFindingsPx ? "ruler" : "findings";
}

export function pickFinding(engine: Engine, x: number): Item | undefined {
  let best = 10;
  let found: Item | undefined;
  engine.findings.forEach((finding, i) => {
    const distance = Math.abs(Math.max(0, findingX(engine, i, engine.width)) + 4 - (x - kLeftPx));
    // Of equal ones the first is drawn: it is the surest.
    if (distance >= best) return;
    best = distance;
    found = engine.findingItem(finding);
  });
  return found;
}
