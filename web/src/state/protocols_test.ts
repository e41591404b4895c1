import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ProtocolSchema } from "../gen/wakewatch/v1/protocol_pb";
import { effort, explaining, isUnexpected, telling, verdictOf } from "./protocols";

const protocol = (name: string, sc: string, tso: string, ...explains: string[]) =>
  create(ProtocolSchema, {
    name,
    explains,
    verdicts: [
      { memory: "sc", verdict: sc, expected: "safe" },
      { memory: "tso", verdict: tso },
    ],
  });

describe("verdicts", () => {
  const one = protocol("one", "loses", "loses", "kthread-stop");
  it("are one a memory", () => {
    expect(verdictOf(one, "tso")?.verdict).toBe("loses");
    expect(verdictOf(create(ProtocolSchema), "sc")).toBeUndefined();
  });
  it("are unexpected where the text says otherwise, and only there", () => {
    expect(isUnexpected(verdictOf(one, "sc"))).toBe(true);
    expect(isUnexpected(verdictOf(one, "tso"))).toBe(false);
    expect(isUnexpected(undefined)).toBe(false);
  });
  it("lead to the memory that shows the loss without a store buffer", () => {
    expect(telling(one)).toBe("sc");
    expect(telling(protocol("two", "safe", "loses"))).toBe("tso");
    expect(telling(undefined)).toBe("tso");
  });
});

it("explaining keeps those of a class", () => {
  const all = [protocol("one", "safe", "safe", "kthread-stop"), protocol("two", "safe", "safe")];
  expect(explaining(all, "").map(({ name }) => name)).toEqual(["one", "two"]);
  expect(explaining(all, "kthread-stop").map(({ name }) => name)).toEqual(["one"]);
  expect(explaining(all, "timer-lost")).toEqual([]);
});

it("effort says how much was searched", () => {
  expect(effort(113n, 12n, 0.004)).toBe("113 states, 12 steps deep, less than 0.01 s");
  expect(effort(5n, 1n, 1.239)).toBe("5 states, 1 step deep, 1.24 s");
});
