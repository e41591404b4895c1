// What is under the mouse, in one line beside it. Who uses the keyboard has the panel.
import { duration } from "../text/units";
import type { Engine } from "./engine";
import { titleOf, type Item } from "./items";
import type { Arrow } from "./paint";
import { kFindingsPx, kHeadPx } from "./paint_head";
import { pick, pickFinding } from "./pick";
import { harmless, laneName } from "./twin";

/** Where the mouse is: px within its part, and within the stage. */
export interface Hover {
  part: "head" | "lanes";
  x: number;
  y: number;
  left: number;
  top: number;
}

const kBesidePx = 14;

function titled(item: Item): string {
  const title = titleOf(item, harmless);
  // Its lane does not tell who it is about.
  return item.kind === "finding" ? `${title}: ${harmless(item.finding.comm, item.pid)}` : title;
}

export function wordsOf(engine: Engine, item: Item): string {
  const lane = engine.laneOf(item);
  const { start, end } = engine.cutOf(item);
  const where = lane === undefined ? "" : `${laneName(engine, lane)}: `;
  return `${where}${titled(item)}, ${start || end ? "at least " : ""}${duration(item.to - item.from)}`;
}

export function itemAt(engine: Engine, arrows: readonly Arrow[], { part, x, y }: Hover): Item | undefined {
  if (part === "lanes") return pick(engine, arrows, x, y);
  return y >= kHeadPx - kFindingsPx ? pickFinding(engine, x) : undefined;
}

/** Right below the mouse, or left of it and above where there is no room. */
export function placeTip(tip: HTMLElement, words: string, hover: Hover | undefined): void {
  tip.hidden = words === "" || hover === undefined;
  if (hover === undefined || tip.hidden) return;
  if (tip.textContent !== words) tip.textContent = words;
  const { clientWidth, clientHeight } = tip.offsetParent ?? document.documentElement;
  const right = hover.left + kBesidePx;
  const below = hover.top + kBesidePx;
  const x = right + tip.offsetWidth <= clientWidth ? right : Math.max(0, hover.left - kBesidePx - tip.offsetWidth);
  const y = below + tip.offsetHeight <= clientHeight ? below : Math.max(0, hover.top - kBesidePx - tip.offsetHeight);
  tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}
