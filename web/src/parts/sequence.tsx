// The shortest losing run: drawn as a sequence diagram, with what one step did beside it, and as a table.
import { useState } from "preact/hooks";
import type { CheckProtocolResponse, ProtocolStep } from "../gen/wakewatch/v1/protocol_pb";
import { eventTexts, kLeftPx, kRowPx, layOut, statementOf, type Row, type Sequence } from "../state/sequence";
import { visible } from "../text/visible";
import { Scroller } from "./scroller";
import { Foreign } from "./text";

const kRadius = 6;

export function SequenceDiagram({ check }: { check: CheckProtocolResponse }) {
  const [chosen, setChosen] = useState(0);
  const sequence = layOut(check);
  if (sequence.rows.length === 0) return null;
  const move = (event: KeyboardEvent, index: number) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = by === undefined ? undefined : sequence.rows[index + by];
    if (next === undefined) return;
    event.preventDefault();
    const root = (event.currentTarget as Element).closest("svg");
    root?.querySelector<SVGElement>(`[data-step="${next.index}"]`)?.focus();
  };
  return (
    <>
      <Scroller label="The shortest losing run" look="across">
        <svg
          class="sequence"
          width={sequence.width}
          height={sequence.height}
          viewBox={`0 0 ${sequence.width} ${sequence.height}`}
          role="group"
          aria-label={`The shortest losing run: ${sequence.rows.length} steps of ${sequence.lanes.length} tasks`}
        >
          <Frame sequence={sequence} />
          {sequence.rows.map((row) => (
            <Step
              key={row.index}
              row={row}
              width={sequence.width}
              sequence={sequence}
              step={check.counterexample[row.index]!}
              name={check.tasks[check.counterexample[row.index]!.task] ?? ""}
              chosen={row.index === chosen}
              onChoose={() => setChosen(row.index)}
              onKey={(event) => move(event, row.index)}
            />
          ))}
        </svg>
      </Scroller>
      <p class="quiet legend">
        <Dot kind="at E0" /> tracepoints show it <Dot kind="at E1" /> only probes do <Dot kind="silent" /> no recording
        does. Hover, or Tab and the arrow keys, to read what a step did.
      </p>
      <StepText check={check} index={chosen} />
      <details>
        <summary>As a table</summary>
        <StepTable check={check} />
      </details>
    </>
  );
}

function Dot({ kind }: { kind: Row["seen"] }) {
  return (
    <svg class="sequence-dot" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <circle class={`dot ${kClass[kind]}`} cx="8" cy="8" r={kRadius} />
    </svg>
  );
}
const kClass: Record<Row["seen"], string> = { "at E0": "seen-e0", "at E1": "seen-e1", silent: "silent" };

function Frame({ sequence }: { sequence: Sequence }) {
  const { lanes, e0X, e1X, height } = sequence;
  return (
    <>
      {lanes.map((lane) => (
        <g key={lane.task} class={lane.lost ? "lane lost" : "lane"}>
          <text class="task" x={lane.x - kRadius} y={lane.fromY - 8}>
            {visible(lane.name)}
          </text>
          <line x1={lane.x} x2={lane.x} y1={lane.fromY} y2={lane.toY} />
          {lane.lost && (
            <>
              <path d={`M${lane.x - 6} ${lane.toY}l12 12m0 -12l-12 12`} />
              <text class="end" x={lane.x + 14} y={lane.toY + 11}>
                waits for ever
              </text>
            </>
          )}
        </g>
      ))}
      {[
        [e0X, "E0: tracepoints show"],
        [e1X, "E1: with probes"],
      ].map(([x, title]) => (
        <g key={title} class="column">
          <line x1={Number(x) - 10} x2={Number(x) - 10} y1={8} y2={height - 8} />
          <text x={x} y={22}>
            {title}
          </text>
        </g>
      ))}
    </>
  );
}

interface StepProps {
  row: Row;
  sequence: Sequence;
  step: ProtocolStep;
  name: string;
  width: number;
  chosen: boolean;
  onChoose(): void;
  onKey(event: KeyboardEvent): void;
}

function Step({ row, sequence, step, name, width, chosen, onChoose, onKey }: StepProps) {
  const { y, x } = row;
  return (
    <g
      class={chosen ? "step chosen" : "step"}
      data-step={row.index}
      tabIndex={chosen ? 0 : -1}
      role="img"
      aria-label={`Step ${row.index + 1}, ${visible(name)}: ${visible(statementOf(step))}, ${
        row.seen === "silent" ? "silent" : `seen ${row.seen}`
      }`}
      onFocus={onChoose}
      onMouseEnter={onChoose}
      onKeyDown={onKey}
    >
      <rect x={0} width={width} y={y - kRowPx / 2} height={kRowPx} />
      <text class="number" x={kLeftPx - 14} y={y + 4} text-anchor="end">
        {row.index + 1}
      </text>
      {row.arrows.map((arrow) => {
        const right = arrow.x > x;
        const tip = arrow.x + (right ? -3 : 3);
        return (
          <g key={arrow.lane} class={`wake ${kClass[row.seen]}`}>
            <line x1={x + (right ? kRadius : -kRadius)} x2={tip} y1={y + 10} y2={y + 10} />
            <path d={`M${tip} ${y + 10}l${right ? -7 : 7} -4v8z`} />
          </g>
        );
      })}
      <circle class={`dot ${kClass[row.seen]}`} cx={x} cy={y} r={kRadius} />
      <text class={row.flush ? "statement flush" : "statement"} x={x + 13} y={y + 4}>
        {visible(row.label)}
      </text>
      <Seen x={sequence.e0X} y={y} texts={row.e0} />
      <Seen x={sequence.e1X} y={y} texts={row.e1} />
    </g>
  );
}

/** The first of them, and how many more there are: all are told beside the diagram. */
function Seen({ x, y, texts }: { x: number; y: number; texts: string[] }) {
  return (
    <text class={texts.length === 0 ? "event none" : "event"} x={x} y={y + 4}>
      {texts.length === 0 ? "–" : visible(texts[0]!)}
      {texts.length > 1 && ` +${texts.length - 1}`}
    </text>
  );
}

function StepText({ check, index }: { check: CheckProtocolResponse; index: number }) {
  const step = check.counterexample[index];
  if (step === undefined) return null;
  const facts: [string, string[]][] = [
    ["Does", step.accesses],
    ["Kernel", [step.kernelFunction].filter((text) => text !== "")],
    ["E0", eventTexts(step, 0)],
    ["E1", eventTexts(step, 1)],
  ];
  return (
    <div class="step-text" role="status">
      <strong>
        {index + 1}. <Foreign text={check.tasks[step.task] ?? ""} />
      </strong>{" "}
      <code>{visible(statementOf(step))}</code> {step.line > 0 && <span class="quiet">line {step.line}</span>}
      {step.note !== "" && (
        <p>
          <Foreign text={step.note} />
        </p>
      )}
      <dl class="reasons">
        {facts
          .filter(([, texts]) => texts.length > 0)
          .map(([name, texts]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {texts.map((text, i) => (
                  <div key={i}>
                    <code>{visible(text)}</code>
                  </div>
                ))}
              </dd>
            </div>
          ))}
      </dl>
    </div>
  );
}

function StepTable({ check }: { check: CheckProtocolResponse }) {
  const heads = ["#", "Task", "Line", "Statement", "Kernel function", "Does", "E0", "E1", "Note"];
  return (
    <Scroller label="The steps of the shortest losing run">
      <table class="grid small steps">
        <caption class="hidden">The steps of the shortest losing run</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {check.counterexample.map((step, i) => (
            <tr key={i}>
              <td>{i + 1}</td>
              {[
                check.tasks[step.task] ?? "",
                step.line > 0 ? String(step.line) : "",
                statementOf(step),
                step.kernelFunction,
                step.accesses.join("; "),
                eventTexts(step, 0).join("; "),
                eventTexts(step, 1).join("; "),
                step.note,
              ].map((text, column) => (
                <td key={column}>
                  <Foreign text={text} empty="–" />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}
