import { expect, it } from "vitest";
import { shownRows } from "./window";

it.each([
  ["the top", 2000, 0, { first: 0, last: 28 }],
  ["the middle", 2000, 30_000, { first: 992, last: 1028 }],
  ["the end", 2000, 59_400, { first: 1972, last: 2000 }],
  ["beyond the end, after rows went away", 100, 59_400, { first: 72, last: 100 }],
  ["less than a view", 5, 0, { first: 0, last: 5 }],
  ["nothing", 0, 100, { first: 0, last: 0 }],
])("%s", (_, rows, scroll, shown) => expect(shownRows(rows, 30, scroll, 600)).toEqual(shown));
