import { describe, expect, it } from "vitest";
import { placeOf, roleWords, stateOf } from "./snapshots";

describe("a snapshot", () => {
  it.each([
    ["Name:\tx\nState:\tD (disk sleep)\nTgid:\t7\n", "D (disk sleep)"],
    ["Name:\tState: R (running)\n", ""],
    ["", ""],
  ])("%j has its state", (status, expected) => expect(stateOf(status)).toBe(expected));
  it.each([
    ["pipe_read\n", "pipe_read"],
    ["0", ""],
    ["", ""],
  ])("of wchan %j", (wchan, expected) => expect(placeOf(wchan)).toBe(expected));
  it("names the task's role, also one that is not known", () => {
    expect(roleWords("suspect")).toBe("The suspect");
    expect(roleWords("toString2")).toBe("toString2");
  });
});
