// Streams and polls as state of a component.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
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

export interface Streamed<S> {
  state: S;
  feed: Feed;
  retryNow(): void;
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
  const retry = useRef<() => void>(() => undefined);
  useEffect(() => {
    setHeld({ key, state: initial, feed: kNewFeed });
    const following = follow<M>(
      {
        open,
        take: (message, first) => setHeld((now) => ({ ...now, state: reduce(now.state, message, first) })),
        feed: (event) =>
          setHeld((now) => {
            const feed = reduceFeed(now.feed, event);
            return feed === now.feed ? now : { ...now, feed };
          }),
        explain,
        ...(silent === "probe" ? { probe } : {}),
      },
      browser,
    );
    retry.current = following.retryNow;
    return following.stop;
    // The key stands for everything that open and reduce close over.
  }, [key]);
  const retryNow = useCallback(() => retry.current(), []);
  // Between a new key and its effect the old state must not be seen.
  if (held.key !== key) return { state: initial, feed: kNewFeed, retryNow };
  return { state: held.state, feed: held.feed, retryNow };
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
