import { expect, it } from "vitest";
import { covers, jumped, shownRows } from "./window";

it.each([
  ["the top", 2000, 0, { first: 0, last: 28 }],
  ["the middle", 2000, 30_000, { first: 992, last: 1028 }],
  ["the end", 2000, 59_400, { first: 1972, last: 2000 }],
  ["beyond the end, after rows went away", 100, 59_400, { first: 72, last: 100 }],
  ["less than a view", 5, 0, { first: 0, last: 5 }],
  ["nothing", 0, 100, { first: 0, last: 0 }],
])("%s", (_, rows, scroll, shown) => expect(shownRows(rows, 30, scroll, 600)).toEqual(shown));

it("is without a margin where that is not wanted", () => {
  expect(shownRows(2000, 30, 30_000, 600, true)).toEqual({ first: 1000, last: 1020 });
});

it.each([
  ["still does", { first: 12, last: 30 }, true, false],
  ["needs some more rows", { first: 20, last: 50 }, false, false],
  ["is left behind below", { first: 40, last: 60 }, false, true],
  ["is left behind above", { first: 0, last: 10 }, false, true],
])("what is drawn %s", (_, seen, does, jump) => {
  const drawn = { first: 10, last: 40 };
  expect([covers(drawn, seen), jumped(drawn, seen)]).toEqual([does, jump]);
});
