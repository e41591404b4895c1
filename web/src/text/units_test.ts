import { describe, expect, it } from "vitest";
import { atLeast, bytes, count, duration, plural, roughCount, share } from "./units";

const plain = (text: string) => text.replaceAll("\u202f", " ");

describe("duration", () => {
  it.each<[bigint | number, string]>([
    [0n, "0 ns"],
    [1n, "1 ns"],
    [999n, "999 ns"],
    [1_000n, "1.00 µs"],
    [1_234n, "1.23 µs"],
    [12_345n, "12.3 µs"],
    [123_456n, "123 µs"],
    [999_499n, "999 µs"],
    [999_500n, "1.00 ms"],
    [9_999_000n, "10.0 ms"],
    [45_600_000n, "45.6 ms"],
    [1_000_000_000n, "1.00 s"],
    [119_000_000_000n, "119 s"],
    [125_000_000_000n, "2 min 05 s"],
    [11_220_000_000_000n, "3 h 07 min"],
    [352_800_000_000_000n, "4 d 2 h"],
    [-1_500n, "−1.50 µs"],
    [Number.NaN, "–"],
    [18_446_744_073_709_551_615n, "213503 d 23 h"],
  ])("%s is %s", (ns, text) => expect(plain(duration(ns))).toBe(text));
});

describe("counts", () => {
  it.each<[bigint | number, string]>([
    [0n, "0"],
    [999n, "999"],
    [1_000n, "1 000"],
    [18_446_744_073_709_551_615n, "18 446 744 073 709 551 615"],
  ])("%s is %s", (value, text) => expect(plain(count(value))).toBe(text));

  it.each<[bigint | number, string]>([
    [0, "0"],
    [999, "999"],
    [999.7, "1.00 k"],
    [12_345, "12.3 k"],
    [300_000, "300 k"],
    [2_500_000n, "2.50 M"],
  ])("roughly, %s is %s", (value, text) => expect(plain(roughCount(value))).toBe(text));

  it.each<[bigint | number, string]>([
    [0, "0 B"],
    [1536, "1.54 kB"],
    [64 * 1024 * 1024, "67.1 MB"],
  ])("%s bytes are %s", (value, text) => expect(plain(bytes(value))).toBe(text));

  it("marks what was not counted", () => {
    expect(plain(atLeast(1234n, false))).toBe("1 234");
    expect(plain(atLeast(1234n, true))).toBe("≥ 1 234");
    expect(plain(atLeast(0n, true))).toBe("≥ 0");
  });

  it.each<[bigint | number, bigint | number, string]>([
    [0n, 100n, "0 %"],
    [452n, 1000n, "45.2 %"],
    [100n, 100n, "100 %"],
    [1n, 1_000_000n, "<0.1 %"],
    [999_999n, 1_000_000n, ">99.9 %"],
    [0n, 0n, "–"],
  ])("%s of %s is %s", (part, whole, text) => expect(plain(share(part, whole))).toBe(text));

  it("knows one from many", () => {
    expect(plural(1n, "gap", "gaps")).toBe("1 gap");
    expect(plural(0n, "gap", "gaps")).toBe("0 gaps");
  });
});
