import { describe, expect, it } from "vitest";
import { clamp, fit, kSpanMinNs, nsAt, panBy, reveal, tickStep, ticksOf, xOf, zoomAt, type View } from "./view";

const kBounds: View = { start: 0, end: 1_000_000 };

describe("a view", () => {
  it.each<[string, View, View]>([
    ["inside stays", { start: 1000, end: 2000 }, { start: 1000, end: 2000 }],
    ["that is too early moves to the margin", { start: -90_000, end: -80_000 }, { start: -20_000, end: -10_000 }],
    [
      "that is too late moves to the margin",
      { start: 2_000_000, end: 2_010_000 },
      { start: 1_010_000, end: 1_020_000 },
    ],
    ["longer than all is all", { start: -9e9, end: 9e9 }, { start: -20_000, end: 1_020_000 }],
    ["shorter than can be seen is not", { start: 500, end: 501 }, { start: 401, end: 601 }],
  ])("%s", (_, view, clamped) => expect(clamp(view, kBounds)).toEqual(clamped));

  it("keeps what is under the pointer there, in and out", () => {
    let view: View = { start: 100_000, end: 300_000 };
    const at = 150_000;
    const x = xOf(view, 1000, at);
    for (const factor of [0.5, 0.7, 1.9, 0.3]) {
      view = zoomAt(view, factor, at, kBounds);
      expect(xOf(view, 1000, at)).toBeCloseTo(x, 1);
    }
  });

  it("zooms in to an end and out to all", () => {
    let view = kBounds;
    for (let i = 0; i < 100; i++) view = zoomAt(view, 0.5, 500_000, kBounds);
    expect(view.end - view.start).toBe(kSpanMinNs);
    for (let i = 0; i < 100; i++) view = zoomAt(view, 2, 500_000, kBounds);
    expect(view).toEqual({ start: -20_000, end: 1_020_000 });
  });

  it("pans no further than the margin", () => {
    expect(panBy({ start: 0, end: 100_000 }, 50_000, kBounds)).toEqual({ start: 50_000, end: 150_000 });
    expect(panBy({ start: 0, end: 100_000 }, -500_000, kBounds)).toEqual({ start: -20_000, end: 80_000 });
  });

  it("fits a span with room around it, and an instant with its surroundings", () => {
    expect(fit(100_000, 200_000, kBounds)).toEqual({ start: 90_000, end: 210_000 });
    expect(fit(500, 500, kBounds)).toEqual({ start: 300, end: 700 });
  });

  it.each<[string, View, [number, number], View]>([
    ["what is seen does not move it", { start: 0, end: 1000 }, [10, 20], { start: 0, end: 1000 }],
    ["what is behind comes in at the end", { start: 0, end: 1000 }, [1500, 1600], { start: 650, end: 1650 }],
    ["what is in front comes in at the start", { start: 5000, end: 6000 }, [4000, 4100], { start: 3950, end: 4950 }],
    ["what is too long shows its start", { start: 0, end: 1000 }, [9000, 90_000], { start: 8950, end: 9950 }],
    ["what is too long and seen does not move it", { start: 0, end: 1000 }, [500, 90_000], { start: 0, end: 1000 }],
  ])("reveals: %s", (_, view, [from, to], moved) => expect(reveal(view, from, to, kBounds)).toEqual(moved));

  it("places and finds the same", () => {
    const view = { start: 123, end: 4567 };
    expect(nsAt(view, 800, xOf(view, 800, 2000))).toBeCloseTo(2000, 6);
  });

  it.each([
    [{ start: 0, end: 1_000_000 }, 1000, 100, 100_000],
    [{ start: 0, end: 1_000_000 }, 1000, 120, 200_000],
    [{ start: 0, end: 3_100_000 }, 1000, 120, 500_000],
    [{ start: 0, end: 200 }, 1000, 1, 1],
  ])("ticks of %o on %d px, %d apart: %d", (view, width, gap, step) => expect(tickStep(view, width, gap)).toBe(step));

  it("ticks lie on the grid of the zero", () => {
    expect(ticksOf({ start: 95, end: 130 }, 10, 3)).toEqual([103, 113, 123]);
    expect(ticksOf({ start: -25, end: 5 }, 10, 0)).toEqual([-20, -10, -0, 0].filter((n) => !Object.is(n, -0)));
  });
});
