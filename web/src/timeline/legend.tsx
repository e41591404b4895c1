// What colours and patterns mean.
import { useEffect, useRef } from "preact/hooks";
import { TaskState, TimelineWork } from "../gen/wakewatch/v1/analysis_pb";
import { kStateNames, kWorkNames } from "./items";
import { kUseNames, kUses } from "./lanes";
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
  return (
    <div>
      <h4>{title}</h4>
      <ul class="split-legend">
        {entries.map(([name, paint]) => (
          <li key={name}>
            <Swatch paint={paint} /> {name}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Swatch({ paint }: { paint(palette: Palette): Paint }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const [own, dpr] = [canvas.current!, window.devicePixelRatio || 1];
    own.width = own.height = kSwatchPx * dpr;
    const context = own.getContext("2d")!;
    const palette = readPalette(own, dpr);
    context.scale(dpr, dpr);
    context.fillStyle = palette.paper;
    context.fillRect(0, 0, kSwatchPx, kSwatchPx);
    context.fillStyle = paint(palette);
    context.fillRect(0, 0, kSwatchPx, kSwatchPx);
  });
  return <canvas ref={canvas} class="tl-swatch" aria-hidden="true" />;
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
        entries={kWorks.map((work): Entry => [kWorkNames[work], ({ works }) => works[work]])}
      />
      <Swatches
        title="Pinned threads"
        entries={[
          ...kStates.map((state): Entry => [kStateNames[state], ({ states }) => states[state]]),
          ["as long as the excess, at the end of its wait", ({ excess }: Palette) => excess],
        ]}
      />
      <Swatches title="Everywhere" entries={[["lost events: nothing is known", ({ gap }) => gap]]} />
      <p class="quiet">
        Close up, tasks have the colour of their PID and their name; the thin line is idle. Arrows lead from waker to
        woken; where they are many, only those of pinned and chosen threads are drawn. From afar a pinned thread shows
        its longest waits.
      </p>
    </div>
  );
}
