import { describe, expect, it } from "vitest";
import { isStill, moved, wheelFactor, type Held } from "./motion";

const kBounds = { start: 0, end: 1e12 };
const kView = { start: 4e11, end: 5e11 };

describe("motion", () => {
  it.each<[string, Held]>([
    ["zoom", { zoom: 1, pan: 0 }],
    ["pan", { zoom: 0, pan: -1 }],
  ])("%s goes as far in many frames as in few", (_, held) => {
    let slow = kView;
    let fast = kView;
    for (let i = 0; i < 10; i++) slow = moved(slow, held, 0.05, 4.2e11, kBounds);
    for (let i = 0; i < 100; i++) fast = moved(fast, held, 0.005, 4.2e11, kBounds);
    expect(Math.abs(slow.start - fast.start)).toBeLessThan(1000);
    expect(Math.abs(slow.end - fast.end)).toBeLessThan(1000);
    expect(slow).not.toEqual(kView);
  });

  it("rests without a key", () => {
    expect(moved(kView, { zoom: 0, pan: 0 }, 1, 0, kBounds)).toEqual(kView);
    expect(isStill({ zoom: 0, pan: 0 })).toBe(true);
    expect(isStill({ zoom: 0, pan: 1 })).toBe(false);
  });

  it("of the wheel is the same in and out, and bounded", () => {
    expect(wheelFactor(100) * wheelFactor(-100)).toBeCloseTo(1, 9);
    expect(wheelFactor(1e9)).toBe(wheelFactor(300));
    expect(wheelFactor(-100)).toBeLessThan(1);
  });
});
