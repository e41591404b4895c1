import { describe, expect, it } from "vitest";
import { distinct, fileName, toCsv, toJson, type Cell } from "./export";

describe("CSV", () => {
  it.each<[string, Cell, string]>([
    ["a name", "kworker/0:1", "kworker/0:1"],
    ["a comma", "a,b", '"a,b"'],
    ["quotes", 'say "x"', '"say ""x"""'],
    ["a line break", "a\nb", '"a\nb"'],
    ["a formula", '=HYPERLINK("http://x")', '"\'=HYPERLINK(""http://x"")"'],
    ["a command", "@SUM(1)", `"'@SUM(1)"`],
    ["a sum", "+1+1", `"'+1+1"`],
    ["a minus", "-2+3", `"'-2+3"`],
    ["a tab in front", "\t=1", `"'\t=1"`],
    ["a negative figure, which is no text", -5n, "-5"],
    ["a figure that no double holds", 9007199254740993n, "9007199254740993"],
    ["nothing", null, ""],
    ["a truth", true, "true"],
    ["a space in front", " x", '" x"'],
  ])("writes %s", (_, cell, text) => {
    expect(toCsv({ names: ["a"], rows: [[cell]] })).toBe(`a\r\n${text}\r\n`);
  });
  it("guards the names of columns too", () => {
    expect(toCsv({ names: ["=1+1", "b"], rows: [] })).toBe(`"'=1+1",b\r\n`);
  });
});

describe("JSON", () => {
  it("keeps every digit, and what is not known is null", () => {
    const text = toJson({ names: ["n", 'the "name"'], rows: [[9007199254740993n, "a"], [null, '"']] }); // prettier-ignore
    expect(text).toContain('{"n": 9007199254740993, "the \\"name\\"": "a"}');
    expect(JSON.parse(text)[1]).toEqual({ n: null, 'the "name"': '"' });
  });
  it("of no rows is an empty list", () => expect(JSON.parse(toJson({ names: ["a"], rows: [] }))).toEqual([]));
});

it("names of columns are distinct", () => {
  expect(distinct(["a", "b", "a", "a_2", "a"])).toEqual(["a", "b", "a_2", "a_2_2", "a_3"]);
});

it("file names hold nothing that a shell or a path would take for its own", () => {
  expect(fileName(["wakewatch", "../../<img src=x>", "Work functions", "", "\u202e"])).toBe(
    "wakewatch_img-src-x_work-functions",
  );
});
