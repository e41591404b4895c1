import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GetSchemaResponseSchema, SqlValueSchema } from "../gen/wakewatch/v1/sql_pb";
import { draw } from "./chart";
import {
  cellOf,
  chartText,
  numericColumns,
  orderedSchema,
  parseChart,
  problemOf,
  quoted,
  usualChart,
  type Chart,
} from "./sql";

it.each([
  ["an integer of 64 bits", { case: "integer", value: 9223372036854775807n }, 9223372036854775807n],
  ["a real", { case: "real", value: 0.5 }, 0.5],
  ["a text", { case: "text", value: "kworker" }, "kworker"],
  ["NULL", { case: undefined }, null],
] as const)("a cell is %s", (_, value, cell) => expect(cellOf(create(SqlValueSchema, { value }))).toBe(cell));

describe("a chart in the address", () => {
  const chart: Chart = { kind: "line", x: "a:b,c", y: ["x,y", "z"] };
  it("comes back as it was", () => expect(parseChart(chartText(chart))).toEqual(chart));
  it.each([null, "", "pie:a:b", "line:a", "line:a:b:c", "line:%:b"])("%s is none", (text) =>
    expect(parseChart(text)).toBeUndefined(),
  );
});

describe("what is drawn without being asked", () => {
  it.each<[string, string[], Chart["kind"] | undefined]>([
    ["a time and a figure", ["start_ns", "latency_ns"], "line"],
    ["a name and a figure", ["comm", "n"], "bar"],
    ["figures alone", ["latency_ns"], "histogram"],
    ["names alone", ["comm"], undefined],
  ])("%s", (_, columns, kind) => {
    const rows = [columns.map((name) => (name === "comm" ? "kswapd0" : 5n))];
    expect(usualChart(columns, rows)?.kind).toBe(kind);
  });
  it("a column with a text in it holds no figures, NULL is no text", () => {
    expect(numericColumns(["a", "b", "c"], [[1n, null, "x"], [null, null, 2n], [0.5, null, 1n]])).toEqual(["a"]); // prettier-ignore
  });
});

describe("drawing", () => {
  it("a line is in the order of x, and leaves out rows without one", () => {
    const rows = [[3n, 30n], [1n, 10n], [null, 5n], [2n, null]]; // prettier-ignore
    expect(draw({ kind: "line", x: "t", y: ["v"] }, ["t", "v"], rows)).toMatchObject({
      x: [1, 2, 3],
      y: [[10, null, 30]],
      used: 3,
      leftOut: 1,
    });
  });
  it("bars have a label each, and as many as there is room for", () => {
    const rows = Array.from({ length: 100 }, (_, i) => [`thread ${i}`, BigInt(i)]);
    const drawn = draw({ kind: "bar", x: "comm", y: ["n"] }, ["comm", "n"], rows)!;
    expect(drawn.labels?.[7]).toBe("thread 7");
    expect([drawn.used, drawn.leftOut]).toEqual([60, 40]);
  });
  it("a histogram counts every row that has a figure once", () => {
    const rows = Array.from({ length: 1000 }, (_, i) => [i % 10 === 0 ? null : BigInt(2 ** (i % 20))]);
    const drawn = draw({ kind: "histogram", x: "", y: ["ns"] }, ["ns"], rows)!;
    expect(drawn.y[0]!.reduce<number>((sum, n) => sum + n!, 0)).toBe(900);
    expect(drawn.leftOut).toBe(100);
    expect(drawn.y[0]![0]).toBeGreaterThan(0); // bins of equal ratios: the smallest does not hold nearly all
  });
  it("a histogram of one value is one bar", () => {
    expect(draw({ kind: "histogram", x: "", y: ["n"] }, ["n"], [[5n], [5n]])).toMatchObject({
      y: [[2]],
      labels: ["5"],
    });
  });
  it("nothing is nothing", () => {
    expect(draw({ kind: "histogram", x: "", y: ["n"] }, ["n"], [])).toMatchObject({ y: [[]], used: 0 });
    expect(draw({ kind: "line", x: "", y: ["gone"] }, ["n"], [])).toBeUndefined();
  });
});

it("every failure says what to do", () => {
  for (const code of ["invalid_argument", "permission_denied", "deadline_exceeded", "unavailable", "data_loss"]) {
    expect(problemOf(code, "words").remedy).not.toBe("");
  }
});

it("the schema has what was measured first, then events by how often they were recorded", () => {
  const event = (name: string) => ({
    name,
    columns: ["id", "ts", "cpu", "common_pid"].map((column) => ({ name: column, type: "" })),
  });
  const schema = create(GetSchemaResponseSchema, {
    tables: [
      event("xen_mc_entry"),
      event("sched_waking"),
      { name: "anomaly" },
      event("sched_switch"),
      { name: "waits" },
    ],
  });
  const counts = new Map([
    ["sched_switch", 9n],
    ["sched_waking", 5n],
  ]);
  const { known, recorded, others } = orderedSchema(schema, counts);
  expect(known.map(({ name }) => name)).toEqual(["waits", "anomaly"]);
  expect(recorded.map(({ name }) => name)).toEqual(["sched_switch", "sched_waking"]);
  expect(others.map(({ name }) => name)).toEqual(["xen_mc_entry"]);
});

it.each([
  ["waits", "waits"],
  ["function", '"function"'],
  ["9p_client_req", '"9p_client_req"'],
  ['a"b', '"a""b"'],
])("%s is written %s", (name, text) => expect(quoted(name)).toBe(text));
