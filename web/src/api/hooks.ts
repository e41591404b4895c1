// Streams and polls as state of a component.
import { useEffect, useState } from "preact/hooks";
import { explain, fleet } from "./client";
import { kNewFeed, reduceFeed, type Feed } from "./feed";
import { follow, poll, type Surroundings } from "./follow";

const browser: Surroundings = {
  hidden: () => document.visibilityState === "hidden",
  onChange(call) {
    document.addEventListener("visibilitychange", call);
    window.addEventListener("online", call);
    return () => {
      document.removeEventListener("visibilitychange", call);
      window.removeEventListener("online", call);
    };
  },
  random: () => Math.random(),
};

const probe = (signal: AbortSignal) => fleet.getServer({}, { signal });

// Of every stream on the page. What one of them learns of the server's return, the others need not wait for.
const retries = new Set<() => void>();

export function retryAll(): void {
  for (const retry of retries) retry();
}

export interface Streamed<S> {
  state: S;
  feed: Feed;
}

interface Held<S> {
  key: string;
  state: S;
  feed: Feed;
}

/** Follows a stream. Another key is another stream: it starts from `initial`. */
export function useStream<M, S>(
  key: string,
  open: (signal: AbortSignal) => AsyncIterable<M>,
  initial: S,
  reduce: (state: S, message: M, first: boolean) => S,
  silent: "probe" | "fine" = "probe", // what to do when nothing comes for a while
): Streamed<S> {
  const [held, setHeld] = useState<Held<S>>({ key, state: initial, feed: kNewFeed });
  useEffect(() => {
    setHeld({ key, state: initial, feed: kNewFeed });
    let failing = false;
    const following = follow<M>(
      {
        open,
        take: (message, first) => setHeld((now) => ({ ...now, state: reduce(now.state, message, first) })),
        feed: (event) => {
          if (event.kind === "message" && failing) retryAll();
          if (event.kind === "message" || event.kind === "failed") failing = event.kind === "failed";
          setHeld((now) => {
            const feed = reduceFeed(now.feed, event);
            return feed === now.feed ? now : { ...now, feed };
          });
        },
        explain,
        ...(silent === "probe" ? { probe } : {}),
      },
      browser,
    );
    retries.add(following.retryNow);
    return () => {
      retries.delete(following.retryNow);
      following.stop();
    };
    // The key stands for everything that open and reduce close over.
  }, [key]);
  // Between a new key and its effect the old state must not be seen.
  if (held.key !== key) return { state: initial, feed: kNewFeed };
  return { state: held.state, feed: held.feed };
}

/** Calls again every `intervalMs`; undefined until the first answer. */
export function usePoll<M>(
  key: string,
  call: (signal: AbortSignal) => Promise<M>,
  intervalMs: number,
): Streamed<M | undefined> {
  return useStream<M, M | undefined>(
    key,
    (signal) => poll(call, intervalMs, signal),
    undefined,
    (_, message) => message,
    "fine", // a call has a deadline of its own
  );
}

/** The time, once a second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
