// A run of a protocol as a sequence diagram: a lifeline a task, the steps downwards, an arrow where a step's event names
// another task. Pure: where everything stands, in pixels, and what it says.
import type { CheckProtocolResponse, ProtocolEvent, ProtocolStep } from "../gen/wakewatch/v1/protocol_pb";

export const kLanePx = 230; // at least
export const kRowPx = 34;
export const kTopPx = 44;
export const kLeftPx = 44; // the steps' numbers
export const kSeenPx = 250; // the columns of what a recording shows, at least
const kRoomPx = 1400; // of a desk's page: as long as there is some, texts are not cut
const kCharPx = 6.7; // of 11 px monospace

export interface Lane {
  task: number;
  name: string;
  x: number;
  fromY: number;
  toY: number;
  lost: boolean; // it waits for ever: the end is marked
}
export interface Row {
  index: number;
  y: number;
  lane: number; // index into lanes
  x: number;
  label: string; // cut to the lane
  seen: "at E0" | "at E1" | "silent"; // by which evidence
  flush: boolean;
  arrows: { lane: number; x: number }[]; // to the lanes of other tasks
  e0: string[]; // texts of what tracepoints show
  e1: string[]; // with probes
}
export interface Sequence {
  width: number;
  height: number;
  lanes: Lane[];
  rows: Row[];
  e0X: number;
  e1X: number;
}

export const eventText = ({ name, args }: ProtocolEvent): string => `${name}(${args.join(", ")})`;

export const eventTexts = (step: ProtocolStep, level: number): string[] =>
  step.events.filter((event) => event.level <= level).map(eventText);

export function cut(text: string, px: number): string {
  const most = Math.max(1, Math.floor(px / kCharPx));
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

/** The task that the sentence about the loss begins with; -1: it names none. */
export function lostTask(loss: string, tasks: readonly string[]): number {
  let found = -1;
  tasks.forEach((name, i) => {
    if (loss.startsWith(`${name} `) && (found < 0 || name.length > tasks[found]!.length)) found = i;
  });
  return found;
}

export const statementOf = (step: ProtocolStep): string =>
  step.flush ? "a store reaches memory" : step.statement || step.kernelFunction || step.accesses[0] || "–";

/** Wide enough for the longest text, as far as there is room. */
function widened(leastPx: number, sparePx: number, marginPx: number, texts: readonly string[]): number {
  const longest = texts.reduce((most, text) => Math.max(most, [...text].length), 0);
  return Math.min(leastPx + sparePx, Math.max(leastPx, Math.ceil((longest + 1) * kCharPx) + marginPx));
}

export function layOut(check: CheckProtocolResponse): Sequence {
  const lost = lostTask(check.loss, check.tasks);
  // Tasks that take no step and lose nothing would only take room.
  const shown = check.tasks
    .map((name, task) => ({ name, task }))
    .filter(({ task }) => task === lost || check.counterexample.some((step) => step.task === task));
  const bottom = kTopPx + check.counterexample.length * kRowPx;
  const steps = check.counterexample;
  const events = steps.map((step) => [eventTexts(step, 0), eventTexts(step, 1)]);
  const columns = Math.max(1, shown.length);
  const sparePx = Math.max(0, (kRoomPx - kLeftPx - columns * kLanePx - 2 * kSeenPx) / (columns + 2));
  const lanePx = widened(kLanePx, sparePx, 26, steps.map(statementOf));
  const seenPx = widened(kSeenPx, sparePx, 12, events.flat(2));
  const lanes = shown.map(({ name, task }, i): Lane => ({
    task,
    name,
    x: kLeftPx + 12 + i * lanePx,
    fromY: kTopPx - 14,
    toY: bottom + (task === lost ? 6 : 0),
    lost: task === lost,
  }));
  const laneOf = (task: number) => lanes.findIndex((lane) => lane.task === task);
  const rows = check.counterexample.map((step, index): Row => {
    const lane = laneOf(step.task);
    const [e0, e1] = [events[index]![0]!, events[index]![1]!];
    const named = step.events.flatMap(({ args }) => args.map((name) => check.tasks.indexOf(name)));
    const others = [...new Set(named)].filter((task) => task >= 0 && task !== step.task);
    return {
      index,
      y: kTopPx + (index + 0.5) * kRowPx,
      lane,
      x: lanes[lane]?.x ?? kLeftPx,
      label: cut(statementOf(step), lanePx - 26),
      seen: e0.length > 0 ? "at E0" : e1.length > 0 ? "at E1" : "silent",
      flush: step.flush,
      arrows: others
        .map(laneOf)
        .filter((other) => other >= 0)
        .map((other) => ({ lane: other, x: lanes[other]!.x })),
      e0: e0.map((text) => cut(text, seenPx - 12)),
      e1: e1.map((text) => cut(text, seenPx - 12)),
    };
  });
  const e0X = kLeftPx + 12 + columns * lanePx;
  return { width: e0X + 2 * seenPx, height: bottom + 34, lanes, rows, e0X, e1X: e0X + seenPx };
}

/** Line and column that an error of the checker names; undefined: none. */
export function placeIn(problem: string): { line: number; column: number } | undefined {
  const found = /line (\d+)(?:, column (\d+))?/.exec(problem) ?? /:(\d+):(\d+):/.exec(problem);
  return found === null ? undefined : { line: Number(found[1]), column: Number(found[2] ?? 1) };
}

/** Where a line begins and ends in a text; undefined: it has no such line. */
export function lineSpan(text: string, line: number): { begin: number; end: number } | undefined {
  const lines = text.split("\n");
  if (line < 1 || line > lines.length) return undefined;
  const begin = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return { begin, end: begin + lines[line - 1]!.length };
}
