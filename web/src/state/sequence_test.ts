import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CheckProtocolResponseSchema } from "../gen/wakewatch/v1/protocol_pb";
import { cut, eventTexts, kLanePx, kLeftPx, kRowPx, layOut, lineSpan, lostTask, placeIn } from "./sequence";

const event = (name: string, level: number, ...args: string[]) => ({ name, level, args });
const check = create(CheckProtocolResponseSchema, {
  tasks: ["worker", "idle", "waker"],
  loss: "worker sleeps for ever",
  counterexample: [
    { task: 0, statement: "if (!cond)" },
    { task: 2, statement: "wake_up_process(worker)", events: [event("ttwu", 1, "worker", "1")] },
    { task: 2, flush: true, statement: "cond = 1" },
    { task: 0, statement: "schedule()", events: [event("sched_switch", 0, "worker", "S")] },
    {
      task: 2,
      statement: "x",
      events: [event("sched_waking", 0, "worker"), event("ttwu_ret", 1, "worker"), event("odd", 1, "nobody")],
    },
  ],
});

describe("layOut", () => {
  const sequence = layOut(check);

  it("gives a lane to tasks that take a step, and marks the end of the one that waits for ever", () =>
    expect(sequence.lanes.map(({ name, lost }) => [name, lost])).toEqual([
      ["worker", true],
      ["waker", false],
    ]));

  it("puts the steps below one another, each on its task's lane", () => {
    expect(sequence.rows.map(({ lane }) => lane)).toEqual([0, 1, 1, 0, 1]);
    expect(new Set(sequence.rows.map(({ x }) => x))).toEqual(new Set([kLeftPx + 12, kLeftPx + 12 + kLanePx]));
    sequence.rows.slice(1).forEach((row, i) => expect(row.y - sequence.rows[i]!.y).toBe(kRowPx));
    for (const { y } of sequence.rows) expect(y).toBeLessThan(sequence.lanes[0]!.toY);
    expect(sequence.lanes[0]!.toY).toBeLessThan(sequence.height);
  });

  it("is wider where a text needs it, as far as there is room", () => {
    const long = "set_current_state(TASK_UNINTERRUPTIBLE)";
    const endless = "x".repeat(500);
    const [wide, full] = [long, endless].map((statement) =>
      layOut(
        create(CheckProtocolResponseSchema, {
          tasks: ["a", "b"],
          counterexample: [{ task: 0, statement }, { task: 1 }],
        }),
      ),
    );
    expect(wide!.rows[0]!.label).toBe(long);
    expect(wide!.width).toBeGreaterThan(sequence.width);
    expect(full!.rows[0]!.label).toMatch(/^x+…$/);
    expect(full!.width).toBeLessThanOrEqual(1463);
  });

  it("says by which evidence a step is seen", () =>
    expect(sequence.rows.map(({ seen }) => seen)).toEqual(["silent", "at E1", "silent", "at E0", "at E0"]));

  it("draws one arrow to each other task that an event names", () =>
    expect(sequence.rows.map(({ arrows }) => arrows.map(({ lane }) => lane))).toEqual([[], [0], [], [], [0]]));

  it("shows at E1 what E0 shows, too", () => {
    expect(sequence.rows[4]!.e0).toEqual(["sched_waking(worker)"]);
    expect(sequence.rows[4]!.e1).toEqual(["sched_waking(worker)", "ttwu_ret(worker)", "odd(nobody)"]);
    expect(eventTexts(check.counterexample[1]!, 0)).toEqual([]);
  });

  it("calls a flush what it is", () => expect(sequence.rows[2]!.label).toBe("a store reaches memory"));

  it("is a frame alone where there is no step", () => {
    const empty = layOut(create(CheckProtocolResponseSchema, {}));
    expect([empty.lanes, empty.rows]).toEqual([[], []]);
    expect(empty.width).toBeGreaterThan(0);
  });

  it("keeps a lane for a task that loses without a step", () =>
    expect(
      layOut(create(CheckProtocolResponseSchema, { tasks: ["a", "b"], loss: "b waits", counterexample: [{ task: 0 }] }))
        .lanes,
    ).toHaveLength(2));
});

describe("lostTask", () => {
  it.each<[string, string[], number]>([
    ["worker sleeps", ["waker", "worker"], 1],
    ["worker 2 sleeps", ["worker", "worker 2"], 1],
    ["workers sleep", ["worker"], -1],
    ["", ["worker"], -1],
  ])("%s", (loss, tasks, found) => expect(lostTask(loss, tasks)).toBe(found));
});

it("cut leaves what fits, and never half a letter", () => {
  expect(cut("abc", 100)).toBe("abc");
  expect(cut("abcdefghij", 5 * 6.7)).toBe("abcd…");
  expect(cut("😀😀😀😀", 3 * 6.7)).toBe("😀😀…");
});

describe("placeIn", () => {
  it.each<[string, { line: number; column: number } | undefined]>([
    ["mine.wake: line 3, column 7: expected ';'", { line: 3, column: 7 }],
    ["mine.wake:12:4: expected ';'", { line: 12, column: 4 }],
    ["the loop at line 9 never ends", { line: 9, column: 1 }],
    ["too large", undefined],
  ])("%s", (problem, place) => expect(placeIn(problem)).toEqual(place));
});

it("lineSpan finds a line in a text", () => {
  const text = "ab\n\ncde";
  expect(lineSpan(text, 1)).toEqual({ begin: 0, end: 2 });
  expect(lineSpan(text, 2)).toEqual({ begin: 3, end: 3 });
  expect(lineSpan(text, 3)).toEqual({ begin: 4, end: 7 });
  expect(lineSpan(text, 0)).toBeUndefined();
  expect(lineSpan(text, 4)).toBeUndefined();
});
