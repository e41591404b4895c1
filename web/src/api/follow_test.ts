import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FeedEvent } from "./feed";
import { follow, poll, retryDelayMs, type Source, type Surroundings } from "./follow";

/** A stream that the test feeds by hand. */
class Pipe {
  private waiting: ((step: () => IteratorResult<number>) => void) | undefined;
  readonly signal: AbortSignal;
  constructor(signal: AbortSignal) {
    this.signal = signal;
    signal.addEventListener("abort", () =>
      this.give(() => {
        throw new Error("aborted");
      }),
    );
  }
  private give(step: () => IteratorResult<number>) {
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting?.(step);
  }
  send(value: number) {
    this.give(() => ({ value, done: false }));
  }
  end() {
    this.give(() => ({ value: undefined, done: true }));
  }
  fail(words: string) {
    this.give(() => {
      throw new Error(words);
    });
  }
  [Symbol.asyncIterator]() {
    return {
      next: () =>
        new Promise<IteratorResult<number>>((resolve, reject) => {
          this.waiting = (step) => {
            try {
              resolve(step());
            } catch (error) {
              reject(error as Error);
            }
          };
        }),
    };
  }
}

class World implements Surroundings {
  isHidden = false;
  calls = new Set<() => void>();
  hidden() {
    return this.isHidden;
  }
  onChange(call: () => void) {
    this.calls.add(call);
    return () => this.calls.delete(call);
  }
  random() {
    return 1;
  }
  setHidden(value: boolean) {
    this.isHidden = value;
    for (const call of this.calls) call();
  }
}

function setUp(extra: Partial<Source<number>> = {}) {
  const pipes: Pipe[] = [];
  const taken: [number, boolean][] = [];
  const events: FeedEvent[] = [];
  const world = new World();
  const following = follow<number>(
    {
      open: (signal) => {
        const pipe = new Pipe(signal);
        pipes.push(pipe);
        return pipe;
      },
      take: (message, first) => taken.push([message, first]),
      feed: (event) => events.push(event),
      explain: (error) => ({ problem: (error as Error).message, definite: false }),
      ...extra,
    },
    world,
  );
  return { pipes, taken, events, world, following, kinds: () => events.map((event) => event.kind) };
}

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("follow", () => {
  it("hands messages on and says which is the first of a connection", async () => {
    const { pipes, taken, kinds } = setUp();
    await settle();
    pipes[0]!.send(1);
    await settle();
    pipes[0]!.send(2);
    await settle();
    expect(taken).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(kinds()).toEqual(["opening", "message", "message"]);
  });

  it("comes back after a break, later each time, and starts over once something came", async () => {
    const { pipes, taken, events } = setUp();
    await settle();
    pipes[0]!.send(1);
    await settle();
    const delays: number[] = [];
    for (const i of [0, 1, 2]) {
      pipes[i]!.fail("reset");
      await settle();
      const failed = events.at(-1)!;
      expect(failed.kind).toBe("failed");
      if (failed.kind !== "failed") return;
      expect(failed.problem).toBe("reset");
      delays.push(failed.retryAtMs - failed.atMs);
      await settle(delays.at(-1)! - 1);
      expect(pipes).toHaveLength(i + 1);
      await settle(1);
      expect(pipes).toHaveLength(i + 2);
    }
    expect(delays).toEqual([500, 1000, 2000]);
    pipes[3]!.send(9);
    await settle();
    expect(taken.at(-1)).toEqual([9, true]);
    pipes[3]!.fail("reset");
    await settle();
    const failed = events.at(-1)!;
    expect(failed.kind === "failed" && failed.retryAtMs - failed.atMs).toBe(500);
  });

  it("asks again when the server ended the stream, without calling it lost", async () => {
    const { pipes, kinds } = setUp();
    await settle();
    pipes[0]!.send(1);
    await settle();
    pipes[0]!.end();
    await settle(1000);
    expect(pipes).toHaveLength(2);
    expect(kinds()).toEqual(["opening", "message", "ended", "opening"]);
  });

  it("keeps a silent stream while the server answers", async () => {
    const probe = vi.fn(async () => undefined);
    const { pipes, kinds } = setUp({ probe });
    await settle(35_000);
    expect(probe).toHaveBeenCalledTimes(3);
    expect(pipes).toHaveLength(1);
    expect(kinds()).toEqual(["opening"]);
  });

  it("gives a silent stream up when the server does not answer", async () => {
    const { pipes, events } = setUp({
      probe: async () => {
        throw new Error("no route");
      },
    });
    await settle(10_000);
    expect(pipes[0]!.signal.aborted).toBe(true);
    expect(events.at(-1)).toMatchObject({ kind: "failed", problem: "no route" });
  });

  it("closes the stream of a hidden page and opens it when the page is seen again", async () => {
    const { pipes, world, kinds } = setUp();
    await settle();
    world.setHidden(true);
    await settle(4_999);
    expect(pipes[0]!.signal.aborted).toBe(false);
    await settle(1);
    expect(pipes[0]!.signal.aborted).toBe(true);
    expect(kinds()).toEqual(["opening", "paused"]);
    await settle(600_000);
    expect(pipes).toHaveLength(1);
    world.setHidden(false);
    await settle();
    expect(pipes).toHaveLength(2);
  });

  it("retries at once when told to", async () => {
    const { pipes, following } = setUp();
    await settle();
    pipes[0]!.fail("reset");
    await settle();
    following.retryNow();
    await settle();
    expect(pipes).toHaveLength(2);
  });

  it("is silent after it was stopped", async () => {
    const { pipes, world, following, kinds } = setUp();
    await settle();
    following.stop();
    await settle(60_000);
    expect(pipes[0]!.signal.aborted).toBe(true);
    expect(pipes).toHaveLength(1);
    expect(world.calls.size).toBe(0);
    expect(kinds()).toEqual(["opening"]);
  });
});

it("delays stay within bounds", () => {
  for (let attempt = 1; attempt < 2000; attempt++) {
    expect(retryDelayMs(attempt, 0)).toBeGreaterThanOrEqual(375);
    expect(retryDelayMs(attempt, 1)).toBeLessThanOrEqual(15_000);
  }
});

it("poll asks again after each interval and stops when told", async () => {
  const abort = new AbortController();
  let calls = 0;
  const seen: number[] = [];
  const done = (async () => {
    for await (const value of poll(async () => ++calls, 2000, abort.signal)) seen.push(value);
  })().catch((error: unknown) => error);
  await settle(4000);
  expect(seen).toEqual([1, 2, 3]);
  abort.abort("over");
  expect(await done).toBe("over");
  await settle(60_000);
  expect(calls).toBe(3);
});
