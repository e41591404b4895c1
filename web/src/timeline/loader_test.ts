import { expect, it, describe } from "vitest";
import { Loader } from "./loader";

interface Call {
  ask: string;
  signal: AbortSignal;
  resolve(value: string): void;
  reject(error: Error): void;
}

function setUp(flightsMax = 2, keptMax = 3) {
  const calls: Call[] = [];
  const state = { changes: 0, seen: [] as boolean[], nowMs: 0 };
  const loader = new Loader<string, string>({
    fetch: (ask, signal) => new Promise((resolve, reject) => calls.push({ ask, signal, resolve, reject })),
    explain: (error) => ({
      problem: (error as Error).message,
      definite: (error as Error).message !== "reset",
      hopeless: (error as Error).message === "no such RPC",
    }),
    changed: (seen) => {
      state.changes++;
      state.seen.push(seen);
    },
    now: () => state.nowMs,
    flightsMax,
    keptMax,
  });
  const wanted = (...keys: string[]) => keys.map((key) => ({ key, ask: key }));
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  return { calls, loader, wanted, settle, state };
}

describe("a loader", () => {
  it("asks once for what is wanted, and keeps it", async () => {
    const { calls, loader, wanted, settle, state } = setUp();
    loader.want(wanted("a"));
    loader.want(wanted("a"));
    expect([calls.length, loader.done, loader.get("a")]).toEqual([1, false, undefined]);
    calls[0]!.resolve("A");
    await settle();
    loader.want(wanted("a"));
    expect([calls.length, loader.done, loader.get("a"), state.changes]).toEqual([1, true, "A", 1]);
  });

  it("gives up what is not wanted any more, and does not take its answer", async () => {
    const { calls, loader, wanted, settle } = setUp();
    loader.want(wanted("a"));
    loader.want(wanted("b"));
    expect(calls[0]!.signal.aborted).toBe(true);
    calls[0]!.resolve("A");
    await settle();
    expect(loader.get("a")).toBeUndefined();
  });

  it("asks for spares only when nothing is missing, and lets them go for what is needed", async () => {
    const { calls, loader, wanted, settle } = setUp();
    loader.want(wanted("a"), wanted("b", "c", "d"));
    expect(calls.map(({ ask }) => ask)).toEqual(["a"]);
    calls[0]!.resolve("A");
    await settle();
    loader.want(wanted("a"), wanted("b", "c", "d"));
    expect(calls.map(({ ask }) => ask)).toEqual(["a", "b", "c"]);
    loader.want(wanted("d"), wanted("b", "c"));
    expect([calls[1]!.signal.aborted, calls[2]!.signal.aborted, calls[3]!.ask]).toEqual([true, true, "d"]);
  });

  it("tells what was needed from what may be needed next", async () => {
    const { calls, loader, wanted, settle, state } = setUp();
    loader.want(wanted("a"), wanted("b", "c"));
    calls[0]!.resolve("A");
    await settle();
    loader.want(wanted("a"), wanted("b", "c"));
    calls[1]!.resolve("B");
    await settle();
    loader.want(wanted("c"));
    calls[2]!.resolve("C");
    await settle();
    expect(state.seen).toEqual([true, false, true]);
  });

  it("forgets what was not used for longest", async () => {
    const { calls, loader, wanted, settle } = setUp(9, 2);
    loader.want(wanted("a", "b"));
    calls.forEach(({ resolve, ask }) => resolve(ask));
    await settle();
    loader.get("a");
    loader.want(wanted("c"));
    calls[2]!.resolve("c");
    await settle();
    expect([loader.get("a"), loader.get("b"), loader.get("c")]).toEqual(["a", undefined, "c"]);
  });

  it("tries again after a while what failed, and never what was refused", async () => {
    const { calls, loader, wanted, settle, state } = setUp();
    loader.want(wanted("a"));
    calls[0]!.reject(new Error("reset"));
    await settle();
    loader.want(wanted("a"));
    expect([calls.length, loader.problem, loader.done]).toEqual([1, "reset", true]);
    state.nowMs = 2000;
    loader.want(wanted("a"));
    expect(calls.length).toBe(2);
    calls[1]!.reject(new Error("never"));
    await settle();
    state.nowMs = 90_000;
    loader.want(wanted("a"));
    expect([calls.length, loader.problem]).toEqual([2, "never"]);
  });

  it("asks for nothing more where nothing will be answered", async () => {
    const { calls, loader, wanted, settle } = setUp();
    loader.want(wanted("a", "b"));
    calls[0]!.reject(new Error("no such RPC"));
    await settle();
    loader.want(wanted("c"));
    expect([calls.length, calls[1]!.signal.aborted, loader.problem, loader.done]).toEqual([
      2,
      true,
      "no such RPC",
      true,
    ]);
  });

  it("shows the old while it asks for what has grown", async () => {
    const { calls, loader, settle } = setUp();
    loader.want([{ key: "a", ask: "a", asOf: 5 }]);
    calls[0]!.resolve("old");
    await settle();
    loader.want([{ key: "a", ask: "a", asOf: 5 }]);
    expect(calls.length).toBe(1);
    loader.want([{ key: "a", ask: "a", asOf: 7 }]);
    expect([calls.length, loader.get("a"), loader.done]).toEqual([2, "old", true]);
    calls[1]!.resolve("new");
    await settle();
    expect(loader.get("a")).toBe("new");
  });
});
