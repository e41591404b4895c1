import { describe, expect, it } from "vitest";
import { nextSort, parseSort, sorted, sortText } from "./sort";

describe("sorted", () => {
  const rows = [
    { pid: 3, p99: 10n, comm: "kworker/10:0" },
    { pid: 1, p99: 20n, comm: "kworker/2:0" },
    { pid: 2, p99: 10n, comm: "ksoftirqd/0" },
  ];
  const pids = (out: typeof rows) => out.map(({ pid }) => pid);
  it("by a quantity", () =>
    expect(
      pids(
        sorted(
          rows,
          (r) => r.p99,
          (r) => r.pid,
          false,
        ),
      ),
    ).toEqual([2, 3, 1]));
  it("the other way, equal rows as before", () =>
    expect(
      pids(
        sorted(
          rows,
          (r) => r.p99,
          (r) => r.pid,
          true,
        ),
      ),
    ).toEqual([1, 2, 3]));
  it("by a name with numbers in it", () =>
    expect(
      pids(
        sorted(
          rows,
          (r) => r.comm,
          (r) => r.pid,
          false,
        ),
      ),
    ).toEqual([2, 1, 3]));
  it("leaves the rows as they were", () => {
    sorted(
      rows,
      (r) => r.pid,
      (r) => r.pid,
      false,
    );
    expect(pids(rows)).toEqual([3, 1, 2]);
  });
  it("beyond what a double holds", () => {
    const big = [{ v: 9007199254740993n }, { v: 9007199254740992n }];
    expect(
      sorted(
        big,
        (r) => r.v,
        () => 0,
        false,
      )[0]?.v,
    ).toBe(9007199254740992n);
  });
});

it("a second click turns the order, a click elsewhere begins anew", () => {
  const sort = { column: "p99", descending: true };
  expect(nextSort(sort, "p99", true)).toEqual({ column: "p99", descending: false });
  expect(nextSort(sort, "comm", false)).toEqual({ column: "comm", descending: false });
});

it.each([
  ["-p99", { column: "p99", descending: true }],
  ["comm", { column: "comm", descending: false }],
  ["nonsense", { column: "pid", descending: false }],
  [null, { column: "pid", descending: false }],
])("the address %s", (text, sort) => {
  expect(parseSort(text, ["p99", "comm", "pid"], { column: "pid", descending: false })).toEqual(sort);
  if (text !== null && text !== "nonsense") expect(sortText(sort)).toBe(text);
});
