import { describe, expect, it } from "vitest";
import { composeBins, type Frame, type Texture } from "./bins";
import { kUses, type CpuLane } from "./lanes";

const plain = (color: number): Texture => ({ size: 1, pixels: Uint32Array.of(color) });
const [kFair, kRealTime] = [0xff0000aa, 0xff00bb00];
const textures = kUses.map((_, use) => plain([kFair, kRealTime][use] ?? 0xff777777));

/** Bins of 100 ns; of each what fair and real-time tasks had. */
function lane(...bins: [number, number][]): CpuLane {
  const uses = new Float64Array(bins.length * kUses.length);
  bins.forEach(([fair, realTime], i) => uses.set([fair, realTime], i * kUses.length));
  const none = new Float64Array();
  return {
    cpu: 0,
    binNs: 100,
    firstBin: 0,
    uses,
    busiest: new Int32Array(bins.length),
    switches: new Uint32Array(bins.length),
    slices: { from: none, to: none, pid: new Int32Array(), comm: [], after: [] },
    gaps: { from: none, to: none },
  };
}
const frame = (width: number, height: number): Frame => ({ left: 0, top: 0, width, height });

function composed(of: CpuLane, at: Frame, from = 0, to = of.busiest.length * 100, with_ = textures): string[][] {
  const out = new Uint32Array(at.width * at.height);
  composeBins(out, at, { start: 0, end: of.busiest.length * 100 }, of, from, to, with_);
  return Array.from({ length: at.height }, (_, row) =>
    [...out.subarray(row * at.width, (row + 1) * at.width)].map((pixel) => pixel.toString(16)),
  );
}

describe("bins as pixels", () => {
  it.each<[string, string[][], string[][]]>([
    [
      "stand on the foot, one use upon the other",
      composed(lane([50, 25]), frame(1, 4)),
      [["0"], ["ff00bb00"], ["ff0000aa"], ["ff0000aa"]],
    ],
    [
      "leave what was idle free",
      composed(lane([0, 0]), frame(2, 2)),
      [
        ["0", "0"],
        ["0", "0"],
      ],
    ],
    [
      "are as wide as their time",
      composed(lane([100, 0], [0, 100]), frame(4, 1)),
      [["ff0000aa", "ff0000aa", "ff00bb00", "ff00bb00"]],
    ],
    ["share a pixel by what they cover of it", composed(lane([50, 50]), frame(1, 1)), [["ff005e55"]]],
    ["cover a pixel in part", composed(lane([20, 0]), frame(1, 1)), [["330000aa"]]],
    [
      "are cut to where they are needed",
      composed(lane([100, 0], [100, 0]), frame(4, 1), 50, 150),
      [["0", "ff0000aa", "ff0000aa", "0"]],
    ],
  ])("%s", (_, found, expected) => expect(found).toEqual(expected));

  it("have patterns that begin where the canvas does", () => {
    const chess: Texture = { size: 2, pixels: Uint32Array.of(1, 2, 3, 4).map((n) => (0xff000000 + n) >>> 0) };
    const of = (left: number, top: number) =>
      composed(
        lane([100, 0]),
        { left, top, width: 2, height: 2 },
        0,
        100,
        kUses.map(() => chess),
      );
    expect(of(0, 0)).toEqual([
      ["ff000001", "ff000002"],
      ["ff000003", "ff000004"],
    ]);
    expect(of(1, 1)).toEqual([
      ["ff000004", "ff000003"],
      ["ff000002", "ff000001"],
    ]);
  });
});
