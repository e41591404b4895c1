import { describe, expect, it } from "vitest";
import { cpusText, parseAddress, parseCpus, parsePins, parsePointed, pointedText, queryOf } from "./address";

describe("the address of a timeline", () => {
  it("says nothing of what is as usual", () => {
    const usual = parseAddress(new URLSearchParams(""));
    expect(usual).toMatchObject({
      startNs: undefined,
      cpus: [],
      pins: [],
      time: "wall",
      table: false,
      followNs: undefined,
    });
    expect(Object.values(queryOf(usual)).filter((value) => value !== undefined && value !== "")).toEqual([]);
  });

  it("keeps all that it says", () => {
    const text =
      "start=86400.000000001&end=86401.500000000&cpu=0-2,5&pin=9,812&sel=wakeup:9@86400.250000000" +
      "&mark=86400.100000000&range=86400.200000000,86400.300000000&time=mark&table=1&follow=0.200000000";
    const address = parseAddress(new URLSearchParams(text));
    expect(address.startNs).toBe(86_400_000_000_001n);
    expect(address.cpus).toEqual([0, 1, 2, 5]);
    const query = new URLSearchParams(queryOf(address) as Record<string, string>);
    expect(decodeURIComponent(query.toString())).toBe(text);
  });

  it.each([
    ["an end before the start", "start=5&end=4"],
    ["no numbers", "start=x&end=1e9"],
    ["a range that is none", "range=7,7"],
    ["a range with one side", "range=7"],
    ["a mode that is none", "time=%3Cscript%3E"],
    ["to follow nothing", "follow=0"],
    ["a selection that is none", "sel=cpu:a@1"],
    ["signs and fractions of a PID", "pin=-4,1.5,0,07"],
  ])("takes %s for nothing", (_, text) => {
    expect(parseAddress(new URLSearchParams(text))).toEqual(parseAddress(new URLSearchParams("")));
  });

  it("names CPUs in ranges", () => {
    expect(parseCpus("3,1, 8-10 ,9,x,5-4,-2")).toEqual([1, 3, 8, 9, 10]);
    expect(cpusText([1, 2, 3, 5, 8, 9])).toBe("1-3,5,8-9");
    expect(parseCpus("0-99999").length).toBe(4096);
  });

  it("pins each PID once, and not too many", () => {
    expect(parsePins("9,9,12,4294967296")).toEqual([9, 12]);
    expect(parsePins(Array.from({ length: 99 }, (_, i) => i + 1).join(",")).length).toBe(16);
  });

  it.each([
    "cpu:3@1.000000005",
    "activity:0@2.500000000",
    "thread:7@0.000000001",
    "finding:f:1",
    "wakeup:1@9.000000000",
  ])("selection %s comes back", (text) => expect(pointedText(parsePointed(text)!)).toBe(text));
});
