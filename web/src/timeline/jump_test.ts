import { expect, it } from "vitest";
import { jumpTo } from "./jump";

it.each<[bigint, bigint, number, object]>([
  [10_000_000_000n, 10_004_000_000n, 7, { start: "9.998000000", end: "10.006000000", pin: "7", sel: undefined }],
  [10_000_000_000n, 10_000_000_000n, 0, { start: "9.999500000", end: "10.000500000", pin: undefined, sel: undefined }],
  [3n, 5n, 1, { start: "0.000000000", end: "0.000500005", pin: "1", sel: undefined }],
])("a jump to %d … %d of %d", (from, to, pid, query) => expect(jumpTo(from, to, pid)).toEqual(query));

it("selects what it leads to", () => {
  expect(jumpTo(5n, 6n, 7, { kind: "thread", pid: 7, atNs: 5n }).sel).toBe("thread:7@0.000000005");
});
