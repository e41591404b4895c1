import { useState } from "preact/hooks";
import { Choice } from "../parts/choice";
import { CopyButton } from "../parts/copy";
import { visible } from "../text/visible";
import { cpusText, kTimeModes, parseCpus, type TimeMode } from "./address";
import type { Engine } from "./engine";
import { clamp, zoomAt } from "./view";

const kModes: Record<TimeMode, string> = {
  wall: "the host's clock",
  trace: "trace time",
  start: "since the start",
  mark: "since the mark",
};

interface Props {
  engine: Engine;
  live: boolean;
  onFind(): void;
  onHelp(): void;
}

export function Toolbar({ engine, live, onFind, onHelp }: Props) {
  // A clock that is not known is no choice.
  const [usual, ...others] = kTimeModes.filter((mode) => mode !== "wall" || engine.clock.originRealNs > 0n);
  const zoom = (factor: number) =>
    engine.setView(zoomAt(engine.view, factor, (engine.view.start + engine.view.end) / 2, engine.bounds));
  const toggle = (change: () => void) => {
    change();
    engine.touch(true);
  };
  return (
    <div class="toolbar tl-toolbar">
      <button type="button" onClick={onFind} title="Ctrl+P or /">
        Pin a thread
      </button>
      <span class="tl-group">
        <button type="button" aria-label="Zoom in" title="W" onClick={() => zoom(0.5)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" title="S" onClick={() => zoom(2)}>
          −
        </button>
        <button type="button" title="Home" onClick={() => engine.setView(clamp(engine.bounds, engine.bounds))}>
          All
        </button>
      </span>
      <Choice
        label="Ruler"
        value={engine.time === "wall" ? "" : kModes[engine.time]}
        names={others.map((mode) => kModes[mode])}
        all={kModes[usual!]}
        onChange={(name) => toggle(() => (engine.time = kTimeModes.find((mode) => kModes[mode] === name) ?? "wall"))}
      />
      <CpuChoice engine={engine} />
      <button
        type="button"
        title="T"
        aria-pressed={engine.table}
        onClick={() => toggle(() => (engine.table = !engine.table))}
      >
        Table
      </button>
      {live && (
        <button type="button" title="L" aria-pressed={engine.follow} onClick={() => engine.setFollow(!engine.follow)}>
          Follow
        </button>
      )}
      <CopyButton text={window.location.href} what="link" />
      <button type="button" onClick={onHelp} title="?">
        Timeline keys
      </button>
    </div>
  );
}

function CpuChoice({ engine }: { engine: Engine }) {
  const [text, setText] = useState(cpusText(engine.chosenCpus));
  if (engine.cpus.length < 2) return null;
  const set = (typed: string) => {
    engine.chosenCpus = parseCpus(typed).filter((cpu) => engine.cpus.includes(cpu));
    engine.relayout();
    engine.touch(true);
    setText(cpusText(engine.chosenCpus));
  };
  return (
    <label>
      CPUs
      <input
        type="text"
        size={8}
        aria-label="CPUs, such as 0-3,8"
        placeholder="all"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
}

/** Pinned threads, with a button that lets each go. */
export function Pins({ engine }: { engine: Engine }) {
  if (engine.pins.length === 0) return null;
  return (
    <ul class="tl-pins" aria-label="Pinned threads">
      {engine.pins.map((pid) => {
        const name = visible(engine.nameOf(pid) || "thread");
        return (
          <li key={pid}>
            <bdi>{name}</bdi> <span class="quiet">{pid}</span>
            <button
              type="button"
              class="plain"
              aria-label={`Unpin ${name} ${pid}`}
              onClick={() => engine.togglePin(pid)}
            >
              ×
            </button>
          </li>
        );
      })}
    </ul>
  );
}
