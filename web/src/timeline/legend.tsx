// What colours and patterns mean.
import { useEffect, useRef } from "preact/hooks";
import { TaskState, TimelineWork } from "../gen/wakewatch/v1/analysis_pb";
import { Confidence } from "../gen/wakewatch/v1/findings_pb";
import { kStateNames, kWorkNames } from "./items";
import { kUseNames, kUses } from "./lanes";
import { onThemeChange } from "../parts/colours";
import { ConfidenceMark } from "../parts/marks";
import { readPalette, type Paint, type Palette } from "./palette";

const kSwatchPx = 16;
const kStates = [
  TaskState.RUNNING,
  TaskState.RUNNABLE,
  TaskState.PREEMPTED,
  TaskState.SLEEPING,
  TaskState.BLOCKED,
  TaskState.OTHER,
  TaskState.UNSPECIFIED,
];
const kWorks = [TimelineWork.HARDIRQ, TimelineWork.SOFTIRQ, TimelineWork.WORK, TimelineWork.TIMER];

type Entry = [string, (palette: Palette) => Paint];

function Swatches({ title, entries }: { title: string; entries: Entry[] }) {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const draw = () => {
      const palette = readPalette(list.current!, window.devicePixelRatio || 1);
      list.current!.querySelectorAll("canvas").forEach((canvas, i) => paintSwatch(canvas, palette, entries[i]![1]));
    };
    draw();
    return onThemeChange(draw);
  }, []);
  return (
    <div>
      <h2>{title}</h2>
      <ul class="split-legend" ref={list}>
        {entries.map(([name]) => (
          <li key={name}>
            <canvas class="tl-swatch" aria-hidden="true" /> {name}
          </li>
        ))}
      </ul>
    </div>
  );
}

function paintSwatch(canvas: HTMLCanvasElement, palette: Palette, paint: Entry[1]): void {
  const dpr = window.devicePixelRatio || 1;
  canvas.width = canvas.height = kSwatchPx * dpr;
  const context = canvas.getContext("2d")!;
  context.scale(dpr, dpr);
  context.fillStyle = palette.paper;
  context.fillRect(0, 0, kSwatchPx, kSwatchPx);
  context.fillStyle = paint(palette);
  context.fillRect(0, 0, kSwatchPx, kSwatchPx);
}

export function Legend() {
  return (
    <div class="tl-legend">
      <Swatches
        title="CPUs from afar: what each bin's time went to"
        entries={kUses.map((use): Entry => [kUseNames[use], ({ uses, paper }) => (use === "idle" ? paper : uses[use])])}
      />
      <Swatches
        title="Below the tasks of a CPU"
        entries={kWorks.map((work): Entry => [kWorkNames[work], ({ works }) => works[work].wide])}
      />
      <Swatches
        title="Pinned threads"
        entries={[
          ...kStates.map((state): Entry => [kStateNames[state], ({ states }) => states[state].wide]),
          ["as long as the excess, at the end of its wait", ({ excess }: Palette) => excess],
        ]}
      />
      <Swatches
        title="Everywhere"
        entries={[["lost events: nothing is known. Short ones are a tick below the lane", ({ gap }) => gap.wide]]}
      />
      <div>
        <h2>Findings</h2>
        <ul class="split-legend">
          {[Confidence.PROVEN, Confidence.STRONG, Confidence.SUSPICIOUS].map((confidence) => (
            <li key={confidence}>
              <ConfidenceMark confidence={confidence} />
            </li>
          ))}
          <li>the bar below is the wait</li>
        </ul>
      </div>
      <p class="quiet">
        Above all lanes: how busy all CPUs were together, and what is in view. Close up, tasks have the colour of their
        PID and their name; the thin line is idle. Arrows lead from waker to woken; where they are many, only those of
        pinned and chosen threads are drawn. From afar a pinned thread shows its longest waits.
      </p>
    </div>
  );
}
