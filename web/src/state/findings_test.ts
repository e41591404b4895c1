import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Confidence, FindingSchema, WatchFindingsResponseSchema } from "../gen/wakewatch/v1/findings_pb";
import {
  filterOf,
  inTime,
  kNoFilter,
  kNoLiveFindings,
  matches,
  mergeFindings,
  newestOf,
  openWords,
  reduceFindings,
  whenNs,
  type Filter,
} from "./findings";

const finding = (init: MessageInitShape<typeof FindingSchema>) => create(FindingSchema, init);
const message = (ids: string[], missed = 0n) =>
  create(WatchFindingsResponseSchema, { findings: ids.map((id) => ({ host: "a", id })), missed });

const kOne = finding({
  host: "a",
  id: "1",
  check: "work-delay",
  class: "hog",
  confidence: Confidence.STRONG,
  pid: 14,
  groupId: "g",
});

describe("a filter", () => {
  it.each<[Partial<Filter>, boolean]>([
    [{}, true],
    [{ host: "a" }, true],
    [{ host: "b" }, false],
    [{ check: "work-delay" }, true],
    [{ check: "work" }, false],
    [{ class: "irq-off" }, false],
    [{ confidenceMin: Confidence.STRONG }, true],
    [{ confidenceMin: Confidence.PROVEN }, false],
    [{ pid: 14 }, true],
    [{ pid: 1 }, false],
    [{ kernelOnly: true }, true],
    [{ groupId: "g" }, true],
    [{ groupId: "h" }, false],
    [{ host: "a", check: "work-delay", class: "hog", confidenceMin: Confidence.STRONG, pid: 14 }, true],
  ])("%o", (filter, expected) => expect(matches({ ...kNoFilter, ...filter }, kOne)).toBe(expected));

  it.each<[string, Partial<Filter>]>([
    ["", {}],
    ["host=a&check=c&class=d", { host: "a", check: "c", class: "d" }],
    ["confidence=proven", { confidenceMin: Confidence.PROVEN }],
    ["confidence=toString", {}],
    ["pid=14", { pid: 14 }],
    ["pid=-1", {}],
    ["pid=1.5", {}],
    ["pid=99999999999", {}],
    ["pid=x", {}],
    ["user=1", { kernelOnly: false }],
    ["user=0", {}],
    ["group=g1", { groupId: "g1", withoutMuted: false }],
    ["muted=1", { withoutMuted: false }],
  ])("of the address %s", (query, filter) =>
    expect(filterOf(new URLSearchParams(query))).toEqual({ ...kNoFilter, withoutMuted: true, ...filter }),
  );
});

describe("findings of user tasks", () => {
  const ofUser = finding({ host: "a", id: "2", kind: "user" });
  it("are left out unless they are asked for", () => {
    expect(matches(kNoFilter, ofUser)).toBe(false);
    expect(matches({ ...kNoFilter, kernelOnly: false }, ofUser)).toBe(true);
  });
});

describe("live findings", () => {
  it("come once, though a reconnection repeats them", () => {
    let live = reduceFindings(kNoLiveFindings, message(["1", "2"]));
    live = reduceFindings(live, message(["2", "3"]));
    expect(live.findings.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  });
  it("add up what was missed", () => {
    let live = reduceFindings(kNoLiveFindings, message([], 3n));
    live = reduceFindings(live, message([], 4n));
    expect(live.missed).toBe(7n);
  });
  it("are bounded; the oldest go", () => {
    const ids = Array.from({ length: 2500 }, (_, i) => String(i));
    const live = reduceFindings(kNoLiveFindings, message(ids));
    expect(live.findings).toHaveLength(2000);
    expect(live.findings[0]?.id).toBe("500");
  });
});

it("merging keeps each finding once, the newer of two, and only what matches", () => {
  const listed = [finding({ host: "a", id: "1", waitedNs: 1n }), finding({ host: "b", id: "1" })];
  const live = [finding({ host: "a", id: "1", waitedNs: 2n }), finding({ host: "c", id: "9", pid: 4 })];
  const merged = mergeFindings(listed, live, kNoFilter);
  expect(merged.map(({ host, id }) => host + id)).toEqual(["a1", "b1", "c9"]);
  expect(merged[0]?.waitedNs).toBe(2n);
  expect(mergeFindings(listed, live, { ...kNoFilter, pid: 4 }).map(({ id }) => id)).toEqual(["9"]);
});

describe("a finding that is open", () => {
  const open = finding({ host: "a", id: "1", open: true });
  const told = (...findings: MessageInitShape<typeof FindingSchema>[]) =>
    reduceFindings(kNoLiveFindings, create(WatchFindingsResponseSchema, { findings }));
  it("gives way to its successor, and to no other", () => {
    expect(newestOf(open, told({ host: "b", id: "1" }, { host: "a", id: "2" }))).toBe(open);
    const live = told({ host: "a", id: "1", open: true, waitedNs: 5n }, { host: "a", id: "1", waitedNs: 9n });
    expect(newestOf(open, live)).toMatchObject({ open: false, waitedNs: 9n });
  });
  it("is called what it is", () => {
    expect(openWords("lost-wakeup")).toBe("still asleep");
    expect(openWords("work-delay")).toBe("not over yet");
  });
});

it("events stand in the order of time, and those of one time as they were told", () => {
  const events = [3n, 1n, 2n, 1n].map((tsNs, cpu) => ({ tsNs, cpu }));
  expect(inTime(events).map(({ cpu }) => cpu)).toEqual([1, 3, 2, 0]);
});

it("a host without a wall clock is placed by when the server found it", () => {
  expect(whenNs(finding({ startRealNs: 5n, startNs: 2n, foundRealNs: 9n }))).toBe(5n);
  expect(whenNs(finding({ startNs: 2n, foundRealNs: 9n }))).toBe(2n);
});

it("leaves out what is muted, of the list and of the stream, unless it is asked for", () => {
  const one = create(FindingSchema, { id: "1", groupId: "loud", host: "a" });
  const two = create(FindingSchema, { id: "2", groupId: "quiet", host: "a" });
  const three = create(FindingSchema, { id: "3", groupId: "quiet", host: "a" });
  const ids = (withoutMuted: boolean) =>
    mergeFindings([one, two], [three], { ...kNoFilter, withoutMuted }, ({ groupId }) => groupId === "quiet").map(
      ({ id }) => id,
    );
  expect(ids(true)).toEqual(["1"]);
  expect(ids(false)).toEqual(["1", "2", "3"]);
});
