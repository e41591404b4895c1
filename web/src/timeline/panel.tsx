// What is selected, with all that is known of it.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import { TaskState, type Wait } from "../gen/wakewatch/v1/analysis_pb";
import { CriticalPath } from "../pages/critical_path";
import { Fact } from "../parts/fact";
import { Fed } from "../parts/feed_note";
import { ConfidenceMark } from "../parts/marks";
import { SplitBar, SplitTable } from "../parts/split";
import { Foreign, Task } from "../parts/text";
import { findingAddress, threadAddress } from "../router";
import { splitOf } from "../state/buckets";
import { duration, share } from "../text/units";
import type { Engine } from "./engine";
import { kStateNames, kWorkNames, pidOf, type Item } from "./items";
import { kUseNames, kUses } from "./lanes";
import { RawEvents } from "./raw";
import { timeWords } from "./times";

type Of<K extends Item["kind"]> = Extract<Item, { kind: K }>;

const kTitles: Record<Item["kind"], string> = {
  slice: "A task on a CPU",
  bin: "A CPU's time",
  gap: "Lost events",
  activity: "On a CPU, beside its task",
  state: "State of a thread",
  wait: "A wait for a CPU",
  wakeup: "A wakeup",
  finding: "A finding",
};

export function Panel({ engine }: { engine: Engine }) {
  const item = engine.selected;
  if (item === undefined) return <p class="quiet">Nothing is selected: click, or press . for the next of a lane.</p>;
  const { clock } = engine;
  const pid = pidOf(item);
  const measured = waitOf(engine, item);
  const cut = engine.cutOf(item);
  return (
    <section class="tl-panel" aria-label="What is selected">
      <h2>
        {kTitles[item.kind]}{" "}
        <span class="quiet">
          {(cut.start || cut.end) && "at least "}
          {duration(item.to - item.from)}
        </span>
      </h2>
      <div class="toolbar">
        {pid !== undefined && (
          <button type="button" aria-pressed={engine.pins.includes(pid)} onClick={() => engine.togglePin(pid)}>
            {engine.pins.includes(pid) ? "Unpin" : "Pin"} {engine.nameOf(pid) === "" ? "thread" : ""} {pid}
          </button>
        )}
        <button type="button" onClick={() => engine.fitSelection()}>
          Fit
        </button>
        {pid !== undefined && (
          <a href={threadAddress(engine.scene.source.host, pid, { recording: engine.scene.source.recording })}>
            The thread's page
          </a>
        )}
      </div>
      <dl class="facts">
        <Fact name="From">
          {timeWords(clock, item.from)} {cut.start && <span class="quiet">or earlier: no more of it is loaded</span>}
        </Fact>
        <Fact name="To">
          {timeWords(clock, item.to)} {cut.end && <span class="quiet">or later: no more of it is loaded</span>}
        </Fact>
        <Fields engine={engine} item={item} />
      </dl>
      {item.kind === "wakeup" && <WaitAfter engine={engine} item={item} />}
      {item.kind !== "wakeup" && measured && <Measured engine={engine} wait={measured} />}
      <RawEvents key={`${item.kind} ${item.from}`} engine={engine} item={item} />
    </section>
  );
}

function waitOf(engine: Engine, item: Item): Wait | undefined {
  if (item.kind === "wait") return item.wait;
  if (item.kind !== "state") return undefined;
  const waits = item.state === TaskState.RUNNABLE || item.state === TaskState.PREEMPTED;
  return waits ? engine.waitAt(item.pid, (item.from + item.to) / 2) : undefined;
}

function Fields({ engine, item }: { engine: Engine; item: Item }) {
  switch (item.kind) {
    case "slice":
      return <SliceFields item={item} />;
    case "bin":
      return <BinFields engine={engine} item={item} />;
    case "gap":
      return <Fact name="CPU">{item.cpu}. Nothing is known of this time.</Fact>;
    case "activity":
      return <ActivityFields engine={engine} item={item} />;
    case "state":
      return (
        <>
          <Fact name="Thread">
            <Task comm={item.comm} pid={item.pid} />
          </Fact>
          <Fact name="State">{kStateNames[item.state]}</Fact>
          <Fact name="CPU">{item.state === TaskState.UNSPECIFIED ? "–" : item.cpu}</Fact>
        </>
      );
    case "wait":
      return (
        <Fact name="Thread">
          <Task comm={item.comm} pid={item.pid} />
        </Fact>
      );
    case "wakeup":
      return <WakeupFields item={item} />;
    case "finding":
      return <FindingFields item={item} />;
  }
}

function SliceFields({ item }: { item: Of<"slice"> }) {
  return (
    <>
      <Fact name="Task">{item.pid === 0 ? "idle" : <Task comm={item.comm} pid={item.pid} />}</Fact>
      <Fact name="CPU">{item.cpu}</Fact>
      <Fact name="Left it as">
        <Foreign text={item.after} empty="not seen" />
      </Fact>
    </>
  );
}

function BinFields({ engine, item }: { engine: Engine; item: Of<"bin"> }) {
  const whole = item.uses.reduce((sum, ns) => sum + ns, 0);
  return (
    <>
      <Fact name="CPU">{item.cpu}</Fact>
      {kUses.map((use, i) => (
        <Fact key={use} name={kUseNames[use]}>
          {duration(item.uses[i]!)} <span class="quiet">{whole === 0 ? "" : share(item.uses[i]!, whole)}</span>
        </Fact>
      ))}
      <Fact name="Switches">{item.switches}</Fact>
      <Fact name="Had most of it">
        {item.busiest === 0 ? "no task" : <Task comm={engine.nameOf(item.busiest)} pid={item.busiest} />}
      </Fact>
    </>
  );
}

function ActivityFields({ engine, item }: { engine: Engine; item: Of<"activity"> }) {
  return (
    <>
      <Fact name={kWorkNames[item.work]}>
        <Foreign text={item.name} empty="not known" />
      </Fact>
      <Fact name="CPU">{item.cpu}</Fact>
      <Fact name="On the task">{item.pid === 0 ? "idle" : <Task comm={engine.nameOf(item.pid)} pid={item.pid} />}</Fact>
      {!item.startSeen && <Fact name="Its start">was not seen: it may have begun earlier</Fact>}
      {!item.endSeen && <Fact name="Its end">was not seen: it may have gone on</Fact>}
    </>
  );
}

function WakeupFields({ item }: { item: Of<"wakeup"> }) {
  const { wakeup } = item;
  const both = wakeup.wakingNs > 0n && wakeup.wakeupNs > 0n;
  return (
    <>
      <Fact name="Woken">
        <Task comm={wakeup.comm} pid={wakeup.pid} />
      </Fact>
      <Fact name="To CPU">{wakeup.targetCpu}</Fact>
      <Fact name="By">
        {wakeup.wakerContext === "" && "not known; on the CPU was "}
        {wakeup.wakerContext !== "task" && wakeup.wakerContext !== "" && `a ${wakeup.wakerContext} on `}
        {wakeup.wakerPid === 0 ? "idle" : <Task comm={wakeup.wakerComm} pid={wakeup.wakerPid} />}
      </Fact>
      <Fact name="On CPU">{wakeup.wakerCpu}</Fact>
      <Fact name="Delivered after">
        {both ? duration(wakeup.wakeupNs - wakeup.wakingNs) : "not known: only one of its two events was seen"}
      </Fact>
    </>
  );
}

function FindingFields({ item }: { item: Of<"finding"> }) {
  const { finding } = item;
  return (
    <>
      <Fact name="Check">
        <a href={findingAddress(finding.host, finding.id)}>
          <Foreign text={finding.check} />
        </a>{" "}
        <span class="quiet">
          <Foreign text={finding.class} empty="" />
        </span>
      </Fact>
      <Fact name="Confidence">
        <ConfidenceMark confidence={finding.confidence} />
      </Fact>
      <Fact name="Thread">
        <Task comm={finding.comm} pid={finding.pid} />
      </Fact>
      <Fact name="Waited">{duration(finding.waitedNs)}</Fact>
      <Fact name="In words">
        <Foreign text={finding.explanation} empty="–" />
      </Fact>
    </>
  );
}

/** The wait that a wakeup began, out of all that were measured of its thread. */
function WaitAfter({ engine, item }: { engine: Engine; item: Of<"wakeup"> }) {
  const { host, recording } = engine.scene.source;
  const { pid, wakingNs, wakeupNs } = item.wakeup;
  const sinceNs = wakingNs || wakeupNs;
  const { state, feed } = usePoll(
    `wait ${host} ${recording} ${pid} ${sinceNs}`,
    (signal) =>
      analysis.listWaits(
        {
          recording: { host, recording, sinceNs, untilNs: (wakeupNs || wakingNs) + 1n },
          filter: { pids: [pid] },
          limit: 10,
        },
        { signal, timeoutMs: kUnaryMs },
      ),
    Infinity,
  );
  const own = state?.waits.find(({ startNs }) => startNs === wakingNs || startNs === wakeupNs);
  return (
    <Fed feed={feed} what="wait after it">
      {state !== undefined && own === undefined && (
        <p class="quiet">
          No wait after it was measured: it was open at the end, a gap touched it, or of a user task it was shorter than
          the recording's latency threshold.
        </p>
      )}
      {own && <Measured engine={engine} wait={own} />}
    </Fed>
  );
}

function Measured({ engine, wait }: { engine: Engine; wait: Wait }) {
  const split = splitOf(wait.buckets, wait.latencyNs);
  const { host, recording } = engine.scene.source;
  const key = `${wait.pid} ${wait.startNs}`;
  return (
    <div class="tl-wait">
      <h3>
        Waited {duration(wait.latencyNs)} <span class="quiet">{duration(wait.excessNs)} of it excess</span>{" "}
        <span class="cause">
          <Foreign text={wait.cause} empty="no cause known" />
        </span>
      </h3>
      <SplitBar split={split} />
      <Folded title="What it was spent on" of={key}>
        <SplitTable split={split} whole="latency" />
      </Folded>
      <Folded title="Its critical path" of={key}>
        <CriticalPath
          host={host}
          recording={recording}
          pid={wait.pid}
          sinceNs={wait.startNs}
          zeroNs={wait.startNs}
          untilNs={wait.endNs}
        />
      </Folded>
    </div>
  );
}

/** Its content is made, and asked for, when it is opened; another `of` closes it. */
export function Folded({ title, of, children }: { title: string; of: string; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [of]);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open && children}
    </details>
  );
}
