import { describe, expect, it } from "vitest";
import { boundsOf, parseSeconds, spanAround, spanOf, type Span } from "./span";

it.each<[string, bigint | undefined]>([
  ["", 0n],
  ["0", 0n],
  ["86412", 86_412_000_000_000n],
  [" 86412.25 ", 86_412_250_000_000n],
  ["0.000000001", 1n],
  ["5.", 5_000_000_000n],
  ["1.0000000001", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  ["10 s", undefined],
  ["9999999999", undefined],
])("%j s are %s ns", (text, ns) => expect(parseSeconds(text)).toBe(ns));

describe("spanOf", () => {
  it.each<[string, Span]>([
    ["", { kind: "all" }],
    ["span=60", { kind: "last", seconds: 60 }],
    ["span=61", { kind: "all" }],
    ["from=5", { kind: "all" }],
    ["span=custom", { kind: "between", sinceNs: 0n, untilNs: 0n }],
    ["span=custom&from=1.5&to=2", { kind: "between", sinceNs: 1_500_000_000n, untilNs: 2_000_000_000n }],
    ["span=custom&from=5", { kind: "between", sinceNs: 5_000_000_000n, untilNs: 0n }],
  ])("%s", (query, span) => expect(spanOf(new URLSearchParams(query))).toEqual(span));

  it.each(["span=custom&from=2&to=1", "span=custom&from=2&to=2", "span=custom&from=x"])("%s is wrong", (query) =>
    expect(spanOf(new URLSearchParams(query)).kind).toBe("wrong"),
  );
});

it.each<[string, Span, { sinceNs: bigint; untilNs: bigint }]>([
  ["all", { kind: "all" }, { sinceNs: 0n, untilNs: 0n }],
  ["the last", { kind: "last", seconds: 10 }, { sinceNs: 15_000_000_000n, untilNs: 0n }],
  ["more than there is", { kind: "last", seconds: 60 }, { sinceNs: 0n, untilNs: 0n }],
  ["from, to", { kind: "between", sinceNs: 1n, untilNs: 2n }, { sinceNs: 1n, untilNs: 2n }],
])("%s, of a recording of 25 s", (_, span, bounds) => expect(boundsOf(span, 25_000_000_000n)).toEqual(bounds));

it.each<[bigint, string, string]>([
  [5_000_000_000n, "4.950000000", "5.050000000"],
  [1n, "0.000000000", "0.050000001"],
])("around %s", (ns, from, to) => {
  const query = spanAround(ns, 50_000_000n);
  expect(query).toEqual({ span: "custom", from, to });
  expect(spanOf(new URLSearchParams(query)).kind).toBe("between");
});
