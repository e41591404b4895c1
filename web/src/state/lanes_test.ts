import { expect, it } from "vitest";
import { spread, type Mark } from "./lanes";

const on =
  (lane: number) =>
  (x: number): Mark => ({ lane, x });

it.each<[string, Mark[], number[]]>([
  ["nothing", [], []],
  ["far apart", [0, 50, 100].map(on(1)), [0, 50, 100]],
  ["at once", [40, 40, 41].map(on(1)), [40, 60, 80]],
  ["at once, at the end", [30, 99, 100].map(on(1)), [30, 80, 100]],
  ["at once, on lanes of their own", [on(1)(40), on(2)(40)], [40, 40]],
  ["not in the order of time", [60, 40, 50].map(on(1)), [80, 40, 60]],
  ["more than fit", Array.from({ length: 11 }, () => on(1)(100)), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]],
])("%s", (_, marks, xs) => expect(spread(marks, 20, 0, 100)).toEqual(xs));
