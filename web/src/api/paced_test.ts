import { expect, it } from "vitest";
import { intervalFor, paced } from "./paced";

it.each([
  [0, 1000],
  [5000, 1000],
  [5001, 2000],
  [100_000, 20_000],
  [1_000_000, 20_000],
])("a list of %i rows comes every %i ms", (rows, ms) => expect(intervalFor(rows)).toBe(ms));

it("a stream is opened again, slower, once its list is long, and then stays", async () => {
  const opened: number[] = [];
  const lists = [10, 12_000, 12_000, 20, 12_000];
  let closed = 0;
  async function* open(intervalMs: number) {
    opened.push(intervalMs);
    try {
      while (lists.length > 0) yield lists.shift()!;
    } finally {
      closed++;
    }
  }
  const seen: number[] = [];
  for await (const rows of paced(open, (rows) => rows)) seen.push(rows);
  expect(seen).toEqual([10, 12_000, 12_000, 20, 12_000]);
  expect(opened).toEqual([1000, 3000]);
  expect(closed).toBe(2);
});
