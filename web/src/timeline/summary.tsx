// What the chosen range was spent on.
import { analysis, explain, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import { Fed } from "../parts/feed_note";
import { WarningGlyph } from "../parts/marks";
import { Scroller } from "../parts/scroller";
import { Task } from "../parts/text";
import { count, duration, plural, share } from "../text/units";
import type { Engine, Range } from "./engine";
import { kUseNames, kUses, packCpus } from "./lanes";
import { summarise, type RangeSummary } from "./range";
import { timeWords } from "./times";
import { useEffect, useState } from "preact/hooks";

const kTasks = 20;
const kSettleMs = 250; // while it is drawn, it is not asked for

function useSettled(range: Range): Range {
  const [settled, setSettled] = useState(range);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(range), kSettleMs);
    return () => clearTimeout(timer);
  }, [range.from, range.to]);
  return settled;
}

export function RangePanel({ engine, range: now }: { engine: Engine; range: Range }) {
  const range = useSettled(now);
  const { host, recording } = engine.scene.source;
  const span = { startNs: engine.toNs(range.from), endNs: engine.toNs(range.to) };
  const cpus = engine.chosenCpus;
  const key = `${host} ${recording} ${span.startNs} ${span.endNs} ${cpus.join()}`;
  const uses = usePoll(
    `range ${key}`,
    async (signal) => {
      const answer = await analysis.getTimeline(
        { recording: { host, recording }, ...span, binsMax: 1024, cpus },
        { signal, timeoutMs: kUnaryMs },
      );
      return summarise(packCpus(answer, engine.originNs), range.from, range.to);
    },
    Infinity,
  );
  const slices = uses.state?.slices === true;
  return (
    <section class="tl-panel" aria-label="The range">
      <h2>
        Range of {duration(now.to - now.from)}{" "}
        <span class="quiet">
          {timeWords(engine.clock, now.from)} to {timeWords(engine.clock, now.to)}
        </span>
      </h2>
      <Fed feed={uses.feed} what="use of the CPUs">
        {uses.state && (
          <>
            <Told engine={engine} range={range} summary={uses.state} />
            {slices && <Wakeups key={key} engine={engine} span={span} />}
            <div class="sides">
              <CpuTable summary={uses.state} />
              <TaskTable engine={engine} summary={uses.state} />
            </div>
          </>
        )}
      </Fed>
    </section>
  );
}

function Told({ engine, range, summary }: { engine: Engine; range: Range; summary: RangeSummary }) {
  const more = summary.from < range.from || summary.to > range.to;
  const whole = (summary.to - summary.from) * summary.cpus.length;
  return (
    <p>
      {plural(summary.switches, "switch", "switches")}.
      {more && (
        <span class="quiet">
          {" "}
          Summed up over whole bins: {timeWords(engine.clock, summary.from)} to {timeWords(engine.clock, summary.to)},{" "}
          {duration(summary.to - summary.from)}.
        </span>
      )}
      {summary.unknown > 0 && (
        <span>
          {" "}
          <WarningGlyph /> Incomplete: of {duration(summary.unknown)} of {duration(whole)} of the CPUs' time nothing is
          known. There may have been more of anything below.
        </span>
      )}
    </p>
  );
}

/** Told only of a span with few enough of them. */
function Wakeups({ engine, span }: { engine: Engine; span: { startNs: bigint; endNs: bigint } }) {
  const { host, recording } = engine.scene.source;
  const { state } = usePoll(
    `wakeups ${host} ${recording} ${span.startNs} ${span.endNs} ${engine.chosenCpus.join()}`,
    async (signal) => {
      try {
        const detail = await analysis.getTimelineDetail(
          { recording: { host, recording }, ...span, cpus: engine.chosenCpus, itemsMax: 20_000 },
          { signal, timeoutMs: kUnaryMs },
        );
        return detail.wakeupsTooMany
          ? "More than 20 000 wakeups."
          : `${plural(detail.wakeups.length, "wakeup", "wakeups")}.`;
      } catch (error) {
        if (signal.aborted) throw error;
        return `Wakeups are not told: ${explain(error).problem}.`;
      }
    },
    Infinity,
  );
  return <p>{state ?? "Counting the wakeups"}</p>;
}

function CpuTable({ summary }: { summary: RangeSummary }) {
  const shown = summary.slices ? (["busy", "unknown", "idle"] as const) : kUses;
  const value = (uses: readonly number[], use: string) =>
    use === "busy" ? uses[0]! : uses[kUses.indexOf(use as (typeof kUses)[number])]!;
  return (
    <Scroller label="Use of each CPU">
      <table class="grid small">
        <caption class="hidden">Use of each CPU in the range</caption>
        <thead>
          <tr>
            <th scope="col">CPU</th>
            {shown.map((use) => (
              <th key={use} scope="col" class="number">
                {use === "busy" ? "with a task" : kUseNames[use]}
              </th>
            ))}
            <th scope="col" class="number">
              Switches
            </th>
          </tr>
        </thead>
        <tbody>
          {summary.cpus.map(({ cpu, uses, switches }) => {
            const whole = uses.reduce((sum, ns) => sum + ns, 0);
            return (
              <tr key={cpu}>
                <th scope="row">{cpu}</th>
                {shown.map((use) => (
                  <td key={use} class="number" title={duration(value(uses, use))}>
                    {share(value(uses, use), whole)}
                  </td>
                ))}
                <td class="number">{count(switches)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroller>
  );
}

function TaskTable({ engine, summary }: { engine: Engine; summary: RangeSummary }) {
  if (!summary.slices)
    return (
      <p class="quiet">
        Each task's time is not told, nor are the wakeups: there is too much in this range. A shorter one has them.
      </p>
    );
  const whole = (summary.to - summary.from) * summary.cpus.length;
  return (
    <Scroller label="Time of each task">
      <table class="grid small">
        <caption class="hidden">Time of each task in the range</caption>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col" class="number" title="With interrupts that came in meanwhile">
              On a CPU
            </th>
            <th scope="col" class="number">
              Of all CPUs
            </th>
          </tr>
        </thead>
        <tbody>
          {summary.tasks.slice(0, kTasks).map(({ pid, comm, ns }) => (
            <tr key={pid}>
              <th scope="row">
                <button type="button" class="tl-link" title="Pin its lane" onClick={() => engine.togglePin(pid)}>
                  <Task comm={comm} pid={pid} />
                </button>
              </th>
              <td class="number">{duration(ns)}</td>
              <td class="number">{share(ns, whole)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {summary.tasks.length > kTasks && (
        <p class="quiet">
          The first {kTasks} of {count(summary.tasks.length)} tasks.
        </p>
      )}
    </Scroller>
  );
}
