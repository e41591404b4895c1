import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ListThreadsResponseSchema } from "../gen/wakewatch/v1/analysis_pb";
import { kRatesMax, reduceThreads, type Threads } from "./thread_rates";

const at = (seconds: number, wakeups: Record<string, number>, recording = "r") =>
  create(ListThreadsResponseSchema, {
    recording,
    watermarkNs: BigInt(seconds * 1e9),
    threads: Object.entries(wakeups).map(([key, n]) => {
      const [pid, firstSeenNs] = key.split(".");
      return { pid: Number(pid), firstSeenNs: BigInt(firstSeenNs!), wakeups: BigInt(n) };
    }),
  });
const after = (...messages: ReturnType<typeof at>[]) =>
  messages.reduce<Threads | undefined>((threads, message) => reduceThreads(threads, message), undefined)!;

describe("wakeups a second", () => {
  it("are not known from one message", () => {
    expect(after(at(1, { "9.1": 50 })).rates.size).toBe(0);
  });
  it("are those of the trace's own seconds, whenever messages come", () => {
    expect(after(at(1, { "9.1": 50 }), at(3, { "9.1": 90 })).rates.get("9.1")).toEqual([20]);
  });
  it("stay while nothing new was analysed", () => {
    const threads = after(at(1, { "9.1": 50 }), at(2, { "9.1": 60 }), at(2, { "9.1": 60 }));
    expect(threads.rates.get("9.1")).toEqual([10]);
  });
  it("of a thread that is new begin at nothing, also under a pid that was another's", () => {
    const threads = after(at(1, { "9.1": 50 }), at(2, { "9.2": 7 }));
    expect([...threads.rates]).toEqual([["9.2", [7]]]);
  });
  it("begin again in another recording", () => {
    expect(after(at(1, { "9.1": 50 }), at(2, { "9.1": 60 }, "s")).rates.size).toBe(0);
  });
  it("are of the last minute only", () => {
    const messages = Array.from({ length: kRatesMax + 10 }, (_, i) => at(i, { "9.1": i * i }));
    const rates = after(...messages).rates.get("9.1")!;
    expect(rates.length).toBe(kRatesMax);
    expect(rates.at(-1)).toBe(2 * (kRatesMax + 9) - 1);
  });
});
