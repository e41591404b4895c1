import { describe, expect, it } from "vitest";
import { isOf, readUnfinished, type Unfinished } from "./unfinished";

const one: Unfinished = {
  id: "7",
  partBytesMax: 4,
  host: "lab",
  fileName: "trace.dat",
  bytes: 10,
  modified: 1000,
  reading: false,
};

describe("an unfinished upload", () => {
  it.each([
    ["the same file", {}, "", true],
    ["the same file, and the host named again", {}, "lab", true],
    ["another host", {}, "other", false],
    ["another name", { name: "trace2.dat" }, "", false],
    ["another size", { size: 11 }, "", false],
    ["written since", { lastModified: 1001 }, "", false],
  ])("is gone on with or not: %s", (_, change, host, same) => {
    expect(isOf(one, { name: "trace.dat", size: 10, lastModified: 1000, ...change }, host)).toBe(same);
  });

  it.each([
    ["nothing", null, []],
    ["no JSON", "{", []],
    ["no list", '{"id":"7"}', []],
    ["one of ours among others", JSON.stringify([null, 5, { id: 7 }, one, { ...one, bytes: "10" }]), [one]],
  ])("is read from what the browser kept: %s", (_, text, read) => {
    expect(readUnfinished({ getItem: () => text })).toEqual(read);
  });
});
