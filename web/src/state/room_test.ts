import { describe, expect, it } from "vitest";
import { fitting, type Wanted } from "./room";

const kColumns: readonly Wanted[] = [
  { id: "name", rem: 10 },
  { id: "kind", rem: 5, spare: 1 },
  { id: "worst", rem: 6 },
  { id: "queue", rem: 4, spare: 2 },
];

describe("columns that fit", () => {
  it.each<[string, number, string, string[]]>([
    ["are all where there is room", 25, "", ["name", "kind", "worst", "queue"]],
    ["lack the sparest first", 24, "", ["name", "kind", "worst"]],
    ["lack as many as they must", 20, "", ["name", "worst"]],
    ["have the one that they are sorted by", 21, "queue", ["name", "worst", "queue"]],
    ["are all where the rest would not fit either", 15, "", ["name", "kind", "worst", "queue"]],
    ["are all where the sorted one makes them too wide", 16, "queue", ["name", "kind", "worst", "queue"]],
  ])("%s", (_, room, sortedBy, ids) => {
    expect(fitting(kColumns, room, sortedBy).map(({ id }) => id)).toEqual(ids);
  });

  it("stay the same list while nothing is left out", () => {
    expect(fitting(kColumns, 100, "")).toBe(kColumns);
  });
});
