import { describe, expect, it } from "vitest";
import { isAnswered, isStale, kNewFeed, reduceFeed, worstFeed, type Feed, type FeedEvent } from "./feed";

const failed = (atMs: number, definite = false): FeedEvent => ({
  kind: "failed",
  atMs,
  retryAtMs: atMs + 500,
  problem: "reset",
  definite,
});
const after = (...events: FeedEvent[]): Feed => events.reduce(reduceFeed, kNewFeed);

it("is answered when there is data, or none for now", () => {
  expect([after(), after({ kind: "opening" })].map(isAnswered)).toEqual([false, false]);
  expect([after({ kind: "message" }), after(failed(1)), after({ kind: "ended" })].map(isAnswered)).toEqual([
    true,
    true,
    true,
  ]);
});

describe("a feed", () => {
  it.each<[string, FeedEvent[], Partial<Feed>, boolean]>([
    ["begins without data", [], { phase: "connecting", hasData: false }, false],
    ["is live after a message", [{ kind: "opening" }, { kind: "message" }], { phase: "live", hasData: true }, false],
    ["that never came is lost, not stale", [failed(10)], { phase: "lost", hasData: false, attempts: 1 }, false],
    [
      "that broke is stale since it broke first",
      [{ kind: "message" }, failed(10), failed(20)],
      { phase: "lost", staleSinceMs: 10, retryAtMs: 520, attempts: 2 },
      true,
    ],
    [
      "stays stale while it is opened again",
      [{ kind: "message" }, failed(10), { kind: "opening" }],
      { phase: "lost", staleSinceMs: 10, retryAtMs: 0 },
      true,
    ],
    [
      "is fresh after it came back",
      [{ kind: "message" }, failed(10), { kind: "opening" }, { kind: "message" }],
      { phase: "live", staleSinceMs: 0, attempts: 0, problem: "" },
      false,
    ],
    ["tells a no from an absence", [failed(10, true)], { phase: "refused" }, false],
    [
      "tells an ended session from a no",
      [{ kind: "message" }, { ...failed(10, true), signedOut: true } as FeedEvent],
      { phase: "signed-out", staleSinceMs: 10 },
      true,
    ],
    [
      "is live again after somebody has signed in",
      [{ ...failed(10, true), signedOut: true } as FeedEvent, { kind: "opening" }, { kind: "message" }],
      { phase: "live", staleSinceMs: 0 },
      false,
    ],
    ["that ended keeps its data", [{ kind: "message" }, { kind: "ended" }], { phase: "ended", hasData: true }, false],
    [
      "that ended stays so while it is asked again",
      [{ kind: "message" }, { kind: "ended" }, { kind: "opening" }],
      { phase: "ended", hasData: true },
      false,
    ],
    [
      "resumes after a pause",
      [{ kind: "message" }, { kind: "paused" }, { kind: "opening" }],
      { phase: "connecting", hasData: true },
      false,
    ],
  ])("%s", (_, events, expected, stale) => {
    const feed = after(...events);
    expect(feed).toMatchObject(expected);
    expect(isStale(feed)).toBe(stale);
  });

  it("does not change while it is live, so that nothing is drawn for it", () => {
    const live = after({ kind: "message" });
    expect(reduceFeed(live, { kind: "message" })).toBe(live);
  });
});

it("of several feeds the lost one is told", () => {
  const live = after({ kind: "message" });
  const lost = after(failed(1));
  expect(worstFeed([live, lost, kNewFeed])).toBe(lost);
  expect(worstFeed([live, kNewFeed])).toBe(kNewFeed);
  expect(worstFeed([])).toBe(kNewFeed);
});
