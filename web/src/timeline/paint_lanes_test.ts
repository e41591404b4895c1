import { expect, it } from "vitest";
import { Ticks } from "./paint_lanes";

const runsOf = (ticks: Ticks) => {
  const runs: [number, number][] = [];
  ticks.each((from, to) => runs.push([from, to]));
  return runs;
};
const of = (...spans: [number, number][]) => {
  const ticks = new Ticks();
  for (const [from, to] of spans) ticks.add(from, to);
  return ticks;
};

it.each<[string, Ticks, [number, number][]]>([
  ["are two pixels wide at least", of([10, 10.2]), [[10, 12]]],
  [
    "are joined where they touch",
    of([10, 10.2], [11.9, 12.3], [20, 25]),
    [
      [10, 14],
      [20, 25],
    ],
  ],
  ["do not shrink by one that lies in another", of([10, 20], [12, 13]), [[10, 20]]],
  [
    "of several lanes are drawn once",
    Ticks.union([of([10, 20], [40, 50]), of([15, 30]), of()]),
    [
      [10, 30],
      [40, 50],
    ],
  ],
  ["of no lane are none", Ticks.union([]), []],
])("ticks %s", (_, ticks, runs) => expect(runsOf(ticks)).toEqual(runs));
