import { describe, expect, it } from "vitest";
import { bestOf, keyOf, levelFor, neighboursOf, parentOf, tileEndNs, tilesAt, tileStartNs, type Tile } from "./tiles";

const kOriginNs = 86_352_000_000_123n;

describe("tiles", () => {
  it.each([
    [{ start: 0, end: 1024 }, 10],
    [{ start: 0, end: 1025 }, 11],
    [{ start: 0, end: 3 }, 10],
    [{ start: 0, end: 1e18 }, 52],
  ])("of %o are of level %d", (view, level) => expect(levelFor(view)).toBe(level));

  it("cover a view with two at most, wherever it is", () => {
    for (let i = 0; i < 500; i++) {
      const start = i * 777_777;
      const view = { start, end: start + 1000 + i * i * 31 };
      const tiles = tilesAt(levelFor(view), view, kOriginNs);
      expect(tiles.length).toBeGreaterThan(0);
      expect(tiles.length).toBeLessThanOrEqual(2);
      expect(tileStartNs(tiles[0]!)).toBeLessThanOrEqual(kOriginNs + BigInt(view.start));
      expect(tileEndNs(tiles.at(-1)!)).toBeGreaterThanOrEqual(kOriginNs + BigInt(view.end));
    }
  });

  it("lie in their parents", () => {
    const tile: Tile = { level: 20, index: 7 };
    expect(tileStartNs(parentOf(tile))).toBeLessThanOrEqual(tileStartNs(tile));
    expect(tileEndNs(parentOf(tile))).toBe(tileEndNs(tile));
  });

  it.each<[string, { start: number; end: number }, number, number, string[]]>([
    [
      "a step in at its middle, pans and a step out",
      { start: 1024, end: 2048 },
      1536,
      1e6,
      ["10/2", "10/0", "11/0", "11/1"],
    ],
    [
      "a step in where the mouse is",
      { start: 4096, end: 8192 },
      8000,
      1e6,
      ["11/2", "11/3", "12/2", "12/0", "13/0", "13/1"],
    ],
    [
      "a step in across an edge",
      { start: 4096, end: 8192 },
      6144,
      1e6,
      ["11/2", "11/3", "12/2", "12/0", "13/0", "13/1"],
    ],
    ["nothing behind the end", { start: 4096, end: 8192 }, 8000, 8192, ["11/2", "11/3", "12/0", "13/0"]],
    ["nothing before the start", { start: 0, end: 2048 }, 100, 1e6, ["10/0", "10/1", "11/1", "12/0"]],
  ])("know what may be needed next: %s", (_, view, at, end, expected) => {
    const found = neighboursOf(view, at, 0n, BigInt(end));
    expect(found.map(keyOf)).toEqual(expected);
    expect(found.every((tile) => tileStartNs(tile) < BigInt(end))).toBe(true);
  });
});

describe("the best picture that is there", () => {
  const view = { start: 0, end: 2048 };
  const picture = (...keys: string[]) =>
    bestOf(11, view, 0n, (tile) => (keys.includes(keyOf(tile)) ? keyOf(tile) : undefined));

  it.each<[string, string[], { value: string; from: number; to: number }[]]>([
    ["is its own tile", ["11/0", "12/0"], [{ value: "11/0", from: 0, to: 2048 }]],
    ["is a coarser one, of which only this part counts", ["14/0"], [{ value: "14/0", from: 0, to: 2048 }]],
    [
      "is made of finer ones",
      ["10/0", "10/1"],
      [
        { value: "10/0", from: 0, to: 1024 },
        { value: "10/1", from: 1024, to: 2048 },
      ],
    ],
    ["has holes where nothing came", ["10/1"], [{ value: "10/1", from: 1024, to: 2048 }]],
    ["is nothing at first", [], []],
  ])("%s", (_, keys, pieces) => expect(picture(...keys)).toEqual(pieces));

  it("mixes what came with what stands in", () => {
    const across = bestOf(10, { start: 100, end: 1100 }, 0n, (tile) =>
      ["10/0", "12/0"].includes(keyOf(tile)) ? keyOf(tile) : undefined,
    );
    expect(across).toEqual([
      { value: "10/0", from: 0, to: 1024 },
      { value: "12/0", from: 1024, to: 2048 },
    ]);
  });
});
