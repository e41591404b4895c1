import { describe, expect, it } from "vitest";
import { recordingText, sideOf, swapped } from "./side";

const query = (text: string) => new URLSearchParams(text);

describe("sideOf", () => {
  it("reads a recording and its span", () => {
    expect(sideOf(query("before=db-1%2F20261120T1-1&before_since=1.5&before_until=2"), "before")).toEqual({
      host: "db-1",
      recording: "20261120T1-1",
      sinceNs: 1_500_000_000n,
      untilNs: 2_000_000_000n,
      problem: "",
    });
  });
  it.each([
    ["after=db-1", "db-1", ""],
    ["after=db-1/", "db-1", ""],
    ["after=a/b/", "a/b", ""],
    ["after=a/b/c", "a/b", "c"],
    ["", "", ""],
    ["before=db-1/x", "", ""],
  ])("of %s takes the host and the recording", (text, host, recording) => {
    expect(sideOf(query(text), "after")).toMatchObject({ host, recording, problem: "" });
  });
  it.each(["a/b", "a", "a/"])("reads back what is written of %s", (host) => {
    for (const recording of ["", "r-1"]) {
      const text = new URLSearchParams({ after: recordingText(host, recording) });
      expect(sideOf(text, "after")).toMatchObject({ host, recording });
    }
  });
  it.each([
    ["after_since=soon", /seconds of trace time/],
    ["after_since=2&after_until=2", /ends before it begins/],
    ["after_since=3&after_until=2", /ends before it begins/],
  ])("says what is wrong with %s", (text, problem) => {
    expect(sideOf(query(text), "after").problem).toMatch(problem);
    expect(sideOf(query(text), "before").problem).toBe("");
  });
});

describe("swapped", () => {
  it("exchanges recordings and spans, and what is on one side only", () => {
    expect(swapped(query("before=a/1&before_since=5&after=b/2&q=x"))).toEqual({
      before: "b/2",
      before_since: undefined,
      before_until: undefined,
      after: "a/1",
      after_since: "5",
      after_until: undefined,
    });
  });
});
