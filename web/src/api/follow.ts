// Keeps a stream open for as long as a page is interested in it: opens it, hands its messages on, and opens it again
// after it broke, later each time. While the page is hidden nothing is open, because a browser has only six connections
// to one HTTP/1.1 server and all its tabs share them.
import type { FeedEvent } from "./feed";

export interface Explained {
  problem: string;
  definite: boolean; // a no
  signedOut?: boolean; // because nobody is signed in
}

export interface Source<T> {
  open(signal: AbortSignal): AsyncIterable<T>;
  take(message: T, first: boolean): void;
  feed(event: FeedEvent): void;
  /** Words for an error, and whether the server said no (as opposed to: was not there). */
  explain(error: unknown): Explained;
  /** Fails when the server is gone. Asked when a stream is silent, since a dead connection is silent too. */
  probe?(signal: AbortSignal): Promise<unknown>;
  silenceMs?: number;
}

export interface Surroundings {
  hidden(): boolean;
  /** Calls back when hidden() may have changed or the network came back; returns how to stop that. */
  onChange(call: () => void): () => void;
  random(): number;
}

const kFirstDelayMs = 500;
const kLongestDelayMs = 15_000;
const kHiddenGraceMs = 5_000;
const kSilenceMs = 10_000;
const kProbeMs = 5_000;

/** Doubles from half a second to 15 s; the random part keeps the readers of a restarted server from arriving at once. */
export function retryDelayMs(attempt: number, random: number): number {
  const whole = Math.min(kFirstDelayMs * 2 ** Math.min(attempt - 1, 10), kLongestDelayMs);
  return Math.round(whole * (0.75 + 0.25 * random));
}

export function follow<T>(source: Source<T>, around: Surroundings): { stop(): void; retryNow(): void } {
  const stopped = new AbortController();
  let current: AbortController | undefined; // of the open stream
  let wake: (() => void) | undefined; // ends a pause early
  let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  let delivered = false; // by the open stream

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const unwatch = around.onChange(() => {
    clearTimeout(hiddenTimer);
    if (around.hidden()) hiddenTimer = setTimeout(() => current?.abort("hidden"), kHiddenGraceMs);
    else wake?.();
  });

  async function once(): Promise<"ended" | "hidden"> {
    const abort = new AbortController();
    current = abort;
    let silence: ReturnType<typeof setTimeout> | undefined;
    let dead: unknown;
    const listen = () => {
      clearTimeout(silence);
      const probe = source.probe;
      if (probe === undefined) return;
      silence = setTimeout(() => {
        probe(AbortSignal.any([abort.signal, AbortSignal.timeout(kProbeMs)])).then(listen, (error: unknown) => {
          if (abort.signal.aborted) return;
          dead = error;
          abort.abort("silent");
        });
      }, source.silenceMs ?? kSilenceMs);
    };
    delivered = false;
    try {
      listen();
      for await (const message of source.open(abort.signal)) {
        listen();
        source.take(message, !delivered);
        delivered = true;
        source.feed({ kind: "message" });
      }
      return "ended";
    } catch (error) {
      if (abort.signal.reason === "hidden") return "hidden";
      throw dead ?? error;
    } finally {
      clearTimeout(silence);
      abort.abort("over");
    }
  }

  async function run() {
    let attempt = 0;
    let endings = 0;
    while (!stopped.signal.aborted) {
      if (around.hidden()) {
        source.feed({ kind: "paused" });
        await pause(Infinity);
        continue;
      }
      source.feed({ kind: "opening" });
      try {
        if ((await once()) === "hidden") continue;
        attempt = 0;
        endings = delivered ? 1 : endings + 1;
        if (stopped.signal.aborted) break;
        source.feed({ kind: "ended" });
        await pause(retryDelayMs(endings + 1, around.random()));
      } catch (error) {
        if (stopped.signal.aborted) break;
        attempt = delivered ? 1 : attempt + 1;
        const explained = source.explain(error);
        const delay = retryDelayMs(attempt, around.random());
        const now = Date.now();
        source.feed({ kind: "failed", atMs: now, retryAtMs: now + delay, ...explained });
        await pause(delay);
      }
    }
  }

  void run();
  return {
    stop() {
      stopped.abort();
      clearTimeout(hiddenTimer);
      unwatch();
      current?.abort("stopped");
      wake?.();
    },
    retryNow() {
      wake?.();
    },
  };
}

/** A call that is made again and again, in the shape of a stream. An interval of Infinity asks once. */
export async function* poll<T>(call: (signal: AbortSignal) => Promise<T>, intervalMs: number, signal: AbortSignal) {
  for (;;) {
    yield await call(signal);
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const go = () => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      const timer = intervalMs === Infinity ? undefined : setTimeout(go, intervalMs);
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}
