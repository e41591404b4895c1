import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CompareResponseSchema, ComparedTimesSchema, type ComparedTimes } from "../gen/wakewatch/v1/analysis_pb";
import { changeOf, differenceText, measuresOf, passes, pText, ratio, sureness, tells } from "./change";
import { toCsv } from "../state/export";
import { exportedComparison } from "./csv";

const side = (n: bigint, p50Ns = 20_000n) => ({ n, p50Ns, p90Ns: 3n * p50Ns, p99Ns: 9n * p50Ns, maxNs: 10n * p50Ns });
type Init = Partial<Omit<ComparedTimes, "$typeName" | "$unknown" | "before" | "after">>;
const times = (before: bigint, after: bigint, more: Init = {}, p50 = 40_000n) =>
  create(ComparedTimesSchema, { before: side(before), after: side(after, p50), longer: 0.8, ...more });
const spaced = (text: string) => text.replaceAll("\u202f", " ");

describe("changeOf", () => {
  it.each([
    ["none", times(0n, 0n)],
    ["none", create(ComparedTimesSchema, {})],
    ["only before", times(9n, 0n)],
    ["only after", times(0n, 9n)],
    ["too few", times(7n, 900n)],
    ["not sure", times(300n, 300n, { pValue: 0.0002, pAdjusted: 0.0101 })],
    ["longer", times(300n, 300n, { pValue: 0.0002, pAdjusted: 0.01 })],
    ["shorter", times(300n, 300n, { pValue: 0, pAdjusted: 0, longer: 0.49 })],
  ])("is %s", (change, of) => {
    expect(changeOf(of)).toBe(change);
  });
});

describe("figures", () => {
  it.each([
    [0, "< 0.0001"],
    [0.00009, "< 0.0001"],
    [0.0001, "= 0.0001"],
    [0.0123, "= 0.012"],
    [0.5, "= 0.50"],
    [0.9996, "= 1"],
    [1, "= 1"],
  ])("p of %d", (p, text) => {
    expect(pText(p)).toBe(text);
  });
  it("has the ratio and the difference", () => {
    const more = differenceText(times(9n, 9n), "p50Ns")!;
    expect([more.ratio, spaced(more.more)]).toEqual(["×2.00", "+20.0 µs"]);
    const less = differenceText(times(9n, 9n, {}, 5_000n), "p99Ns")!;
    expect([less.ratio, spaced(less.more)]).toEqual(["×0.25", "−135 µs"]);
  });
  it.each([
    [0n, "to 0"],
    [2n, "<×0.01"],
    [250_000n, "×12.5"],
    [5_000_000n, "×250"],
  ])("has a ratio for %d after 20 000", (p50, text) => {
    expect(differenceText(times(9n, 9n, {}, p50), "p50Ns")?.ratio).toBe(text);
  });
  it("is not made of nothing", () => {
    expect(differenceText(times(0n, 9n), "p50Ns")).toBeUndefined();
    expect(differenceText(create(ComparedTimesSchema, {}), "p50Ns")).toBeUndefined();
    const fromNothing = create(ComparedTimesSchema, { before: side(5n, 0n), after: side(5n) });
    expect(differenceText(fromNothing, "p50Ns")).toMatchObject({ ratio: "from 0" });
    expect(ratio(create(ComparedTimesSchema, { before: side(5n, 0n), after: side(5n, 0n) }), "p50Ns")).toBe(1);
  });
});

const answer = create(CompareResponseSchema, {
  before: { startNs: 5n, endNs: 1005n, lostEvents: 12n, lostUnknown: true, gaps: 3n, events: 70n },
  after: { startNs: 9n, endNs: 2009n, events: 80n },
  threads: [
    {
      name: 'a,"b"',
      kind: "kworker",
      threadsBefore: 2,
      latency: times(300n, 280n, { pValue: 1e-9, pAdjusted: 3e-9 }),
      excess: times(300n, 280n, { pValue: 1, pAdjusted: 1, longer: 0.5 }),
    },
  ],
  work: [{ function: "wb_workfn", queueToStart: times(7n, 7n), run: times(0n, 9n) }],
  softirqs: [
    { vector: "RCU", raiseToEntry: create(ComparedTimesSchema, { before: side(9n, 0n), after: side(9n, 0n) }) },
  ],
});

describe("measuresOf", () => {
  const all = measuresOf(answer);
  it("has each quantity once, under a key of its own", () => {
    expect(all.map(({ subject, measure }) => `${subject} ${measure}`)).toEqual([
      "thread latency",
      "thread excess",
      "work queue to start",
      "work run",
      "softirq raise to entry",
    ]);
    expect(new Set(all.map(({ key }) => key)).size).toBe(5);
  });
  it("knows what tells nothing", () => {
    expect(all.filter(tells).map(({ measure }) => measure)).not.toContain("raise to entry");
    expect(all.filter(tells)).toHaveLength(4);
  });
  it("is filtered by name, kind and sureness", () => {
    const names = (words: string, sureOnly = false) =>
      all.filter((one) => passes({ words, sureOnly }, one)).map(({ measure }) => measure);
    expect(names("WORKFN")).toEqual(["queue to start", "run"]);
    expect(names("kworker")).toEqual(["latency", "excess"]);
    expect(names("", true)).toEqual(["latency"]);
    expect(names("nothing like it")).toEqual([]);
  });
  it("puts the surest first", () => {
    const by = [...all].sort((a, b) => sureness(b) - sureness(a));
    expect(by.map(({ measure }) => measure).slice(0, 2)).toEqual(["latency", "excess"]);
    expect(sureness(by.at(-1)!)).toBe(-1);
  });
});

describe("exportedComparison", () => {
  it("has loss first, all columns in every line, and nothing where nothing is known", () => {
    const exported = exportedComparison(answer);
    for (const row of exported.rows) expect(row).toHaveLength(exported.names.length);
    const lines = toCsv(exported).split("\r\n");
    expect(lines[0]).toMatch(/^subject,name,kind,measure,n_before,n_after,p50_before_ns,/);
    expect(lines[1]).toBe("trace,,,lost_events,12,0,,,,,,,,,,,,");
    expect(lines[5]).toBe("trace,,,span_ns,1000,2000,,,,,,,,,,,,");
    expect(lines[6]).toBe(
      'thread,"a,""b""",kworker,latency,300,280,20000,40000,60000,120000,180000,360000,200000,400000,0.8,1e-9,3e-9,longer',
    );
    expect(lines[9]).toBe("work,wb_workfn,,run,0,9,,40000,,120000,,360000,,400000,,,,only after");
  });
});
