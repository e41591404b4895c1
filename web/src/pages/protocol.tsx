import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { explain, kCheckMs, kUnaryMs, protocols } from "../api/client";
import { usePoll } from "../api/hooks";
import type { CheckProtocolResponse, Protocol } from "../gen/wakewatch/v1/protocol_pb";
import { Fed } from "../parts/feed_note";
import { VerdictMark, WarningGlyph } from "../parts/marks";
import { SequenceDiagram } from "../parts/sequence";
import { Foreign } from "../parts/text";
import { findingsAddress, protocolsAddress } from "../router";
import { effort, isUnexpected, kMemories, telling, verdictOf, type Memory } from "../state/protocols";
import { lineSpan, placeIn } from "../state/sequence";
import { visible } from "../text/visible";

const kOwnText = `protocol mine "what it is about";

flag cond;

kthread worker {
    while (!kthread_should_stop()) {
        if (!cond)
            set_current_state(TASK_INTERRUPTIBLE);
        schedule() until (cond || kthread_should_stop());
        cond = 0;
    }
}

task waker {
    cond = 1;
    wake_up_process(worker);
}

task stopper {
    kthread_stop(worker);
}
`;

function Crumbs() {
  return (
    <nav class="crumbs" aria-label="Where you are">
      <a href={protocolsAddress()}>Protocols</a>
    </nav>
  );
}

export function ProtocolPage({ name }: { name: string }) {
  const { state, feed } = usePoll(
    `protocol ${name}`,
    (signal) => protocols.getProtocol({ name }, { signal, timeoutMs: kUnaryMs }),
    Infinity,
  );
  return (
    <>
      <Crumbs />
      <Fed feed={feed} what="protocol">
        {state && (
          <article>
            <h1>
              <Foreign text={name} />
            </h1>
            {state.protocol && <About protocol={state.protocol} />}
            <Workbench name={name} text={state.text} memory={telling(state.protocol)} atOnce />
          </article>
        )}
      </Fed>
    </>
  );
}

export function CheckPage() {
  return (
    <>
      <Crumbs />
      <h1>Check a protocol of your own</h1>
      <p>
        The language is C-like, with the kernel's own primitives; any shipped protocol is an example. The text is
        checked by the server and kept nowhere.
      </p>
      <Workbench name="mine" text={kOwnText} memory="tso" />
    </>
  );
}

function About({ protocol }: { protocol: Protocol }) {
  return (
    <>
      <p class="explanation">
        <Foreign text={protocol.title} empty="It has no title." />
      </p>
      <dl class="facts">
        {kMemories.map(([memory, words]) => {
          const verdict = verdictOf(protocol, memory);
          return (
            <div key={memory}>
              <dt title={words}>{memory.toUpperCase()}</dt>
              <dd>
                <VerdictMark verdict={verdict?.verdict} />
                {isUnexpected(verdict) && <span class="strong-bad"> expected {verdict!.expected}</span>}
              </dd>
            </div>
          );
        })}
        {protocol.explains.length > 0 && (
          <div>
            <dt>Explains</dt>
            <dd>
              {protocol.explains.map((name) => (
                <div key={name}>
                  <a href={findingsAddress({ check: "lost-wakeup", class: name })}>{visible(name)}</a>
                </div>
              ))}
            </dd>
          </div>
        )}
      </dl>
    </>
  );
}

type Answer =
  { kind: "none" | "running" } | { kind: "done"; check: CheckProtocolResponse } | { kind: "failed"; problem: string };

/** One check at a time; another one, or leaving the page, ends the one that runs. */
function useCheck() {
  const [answer, setAnswer] = useState<Answer>({ kind: "none" });
  const running = useRef<AbortController>();
  const cancel = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
    setAnswer({ kind: "none" });
  }, []);
  useEffect(() => () => running.current?.abort(), []);
  const run = useCallback(async (name: string, text: string, memory: Memory) => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    setAnswer({ kind: "running" });
    try {
      const check = await protocols.checkProtocol({ name, text, memory }, { signal: own.signal, timeoutMs: kCheckMs });
      if (running.current === own) setAnswer({ kind: "done", check });
    } catch (error) {
      if (running.current === own) setAnswer({ kind: "failed", problem: explain(error).problem });
    }
  }, []);
  return { answer, run, cancel };
}

interface WorkbenchProps {
  name: string;
  text: string;
  memory: Memory;
  atOnce?: boolean; // checks what it begins with
}

function Workbench({ name, text: initial, memory: first, atOnce = false }: WorkbenchProps) {
  const [text, setText] = useState(initial);
  const [memory, setMemory] = useState(first);
  const { answer, run, cancel } = useCheck();
  const editor = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (atOnce) void run(name, initial, first);
  }, [name]);
  const goTo = (line: number) => {
    const span = lineSpan(text, line);
    if (span === undefined || editor.current === null) return;
    editor.current.focus();
    editor.current.setSelectionRange(span.begin, span.end);
  };
  const lines = text.split("\n").length;
  return (
    <>
      <div class="toolbar">
        <label>
          Memory
          <select value={memory} onChange={(event) => setMemory(event.currentTarget.value as Memory)}>
            {kMemories.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => void run(name, text, memory)} disabled={answer.kind === "running"}>
          Check
        </button>
        {answer.kind === "running" && (
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        )}
        {text !== initial && (
          <button type="button" onClick={() => setText(initial)}>
            Undo my changes
          </button>
        )}
      </div>
      <div class="verdict" aria-live="polite">
        {answer.kind === "running" && <p class="quiet">Searching …</p>}
        {answer.kind === "failed" && <Problem problem={answer.problem} goTo={goTo} />}
        {answer.kind === "done" && <Verdict check={answer.check} />}
      </div>
      {answer.kind === "done" && <SequenceDiagram key={String(answer.check.states)} check={answer.check} />}
      <h2>Text</h2>
      <textarea
        class="code"
        aria-label="The protocol's text"
        ref={editor}
        value={text}
        rows={Math.min(40, Math.max(12, lines + 1))}
        spellcheck={false}
        autocapitalize="off"
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </>
  );
}

function Problem({ problem, goTo }: { problem: string; goTo(line: number): void }) {
  const place = placeIn(problem);
  return (
    <div class="note bad" role="alert">
      <WarningGlyph />
      <div>
        <Foreign text={problem} />
      </div>
      {place !== undefined && (
        <button type="button" onClick={() => goTo(place.line)}>
          Go to line {place.line}
        </button>
      )}
    </div>
  );
}

function Verdict({ check }: { check: CheckProtocolResponse }) {
  return (
    <>
      <p>
        <strong>
          <VerdictMark verdict={check.verdict} />
        </strong>{" "}
        {check.property !== "" && <Foreign text={check.property} />}{" "}
        <span class="quiet">
          under {check.memory.toUpperCase()}: {effort(check.states, check.depth, check.seconds)}
        </span>
      </p>
      {check.loss !== "" && (
        <p class="explanation">
          <Foreign text={check.loss} />
        </p>
      )}
      {check.unfinished !== "" && (
        <p>
          <WarningGlyph /> Not finished: <Foreign text={check.unfinished} />
        </p>
      )}
      {check.assumptions.length > 0 && (
        <details>
          <summary>What this rests on</summary>
          <ul class="remarks">
            {check.assumptions.map((text, i) => (
              <li key={i}>
                <Foreign text={text} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
