// What a page knows about where its data comes from: a stream or a poll that connects, delivers, breaks and comes back.

export type Phase =
  | "connecting" // nothing came yet
  | "live"
  | "ended" // the server had no more to say; it is asked again from time to time
  | "paused" // the page is hidden
  | "lost" // the connection broke or could not be made
  | "refused" // the server answered, and the answer is no
  | "signed-out"; // it wants to know who asks: the session of this browser has ended, or never was

export interface Feed {
  phase: Phase;
  hasData: boolean;
  attempts: number; // failed ones since the last message
  staleSinceMs: number; // 0: not stale
  retryAtMs: number;
  problem: string;
}

export type FeedEvent =
  | { kind: "opening" }
  | { kind: "message" }
  | { kind: "ended" }
  | { kind: "paused" }
  | { kind: "failed"; atMs: number; retryAtMs: number; problem: string; definite: boolean; signedOut?: boolean };

export const kNewFeed: Feed = {
  phase: "connecting",
  hasData: false,
  attempts: 0,
  staleSinceMs: 0,
  retryAtMs: 0,
  problem: "",
};

export function reduceFeed(feed: Feed, event: FeedEvent): Feed {
  switch (event.kind) {
    case "opening":
      // A second try does not make stale data fresh: the phase stays until something comes or fails.
      return feed.phase === "paused" ? { ...feed, phase: "connecting" } : { ...feed, retryAtMs: 0 };
    case "message":
      return feed.phase === "live" ? feed : { ...kNewFeed, phase: "live", hasData: true };
    case "ended":
      return { ...kNewFeed, phase: "ended", hasData: feed.hasData };
    case "paused":
      return { ...feed, phase: "paused" };
    case "failed":
      return {
        phase: event.signedOut ? "signed-out" : event.definite ? "refused" : "lost",
        hasData: feed.hasData,
        attempts: feed.attempts + 1,
        staleSinceMs: feed.staleSinceMs || event.atMs,
        retryAtMs: event.retryAtMs,
        problem: event.problem,
      };
  }
}

/** Nothing comes until something changes. */
export function isBroken({ phase }: Feed): boolean {
  return phase === "lost" || phase === "refused" || phase === "signed-out";
}

/** Data that is on the screen and may be out of date. */
export function isStale(feed: Feed): boolean {
  return feed.hasData && isBroken(feed);
}

/** There is data, or it is known that there is none for now. */
export function isAnswered(feed: Feed): boolean {
  return feed.hasData || feed.phase === "lost" || feed.phase === "refused" || feed.phase === "ended";
}

/** The one that most needs to be told of several. */
export function worstFeed(feeds: readonly Feed[]): Feed {
  const order: Phase[] = ["signed-out", "lost", "refused", "connecting", "paused", "live", "ended"];
  let worst: Feed | undefined;
  for (const feed of feeds) {
    if (worst === undefined || order.indexOf(feed.phase) < order.indexOf(worst.phase)) worst = feed;
  }
  return worst ?? kNewFeed;
}
