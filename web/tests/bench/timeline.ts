// How long a step of the timeline takes, from the wheel to the picture that has everything, request and drawing together,
// against a real server: WAKEWATCH_URL=http://127.0.0.1:7480 npm run bench:timeline HOST [STEPS] [PIDS]
//
// Two figures: by the clock, which other work on the machine lengthens, and the processor time of the page's main thread.
// A step that finds its tiles there is told apart from one that had to ask for some.
import { launch } from "../e2e/browser";

const url = process.env.WAKEWATCH_URL;
const [host, steps = "300", pids = ""] = process.argv.slice(2);
const kGoalMs = 50;
if (url === undefined || host === undefined) {
  console.error("bench:timeline: set WAKEWATCH_URL, and name a host whose newest recording is to be shown");
  process.exit(2);
}

function quantile(values: readonly number[], share: number): number {
  const inOrder = [...values].sort((a, b) => a - b);
  return inOrder[Math.min(inOrder.length - 1, Math.max(0, Math.ceil(share * inOrder.length) - 1))] ?? NaN;
}
const told = (values: readonly number[]) =>
  [0.5, 0.95, 0.99, 1]
    .map((share) => `${share === 1 ? "max" : `p${share * 100}`} ${quantile(values, share).toFixed(1)}`)
    .join("  ");

interface Step {
  kind: string;
  ms: number;
  asked: boolean;
}

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1500, height: 950 } });
const session = await page.context().newCDPSession(page);
await session.send("Performance.enable", { timeDomain: "threadTicks" });
const taskMs = async () => {
  const { metrics } = await session.send("Performance.getMetrics");
  return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0);
};
await page.goto(`${url}/#/host/${encodeURIComponent(host)}/timeline${pids === "" ? "" : `?pin=${pids}`}`);
await page.locator('[data-testid="timeline"][aria-busy="false"]').waitFor({ timeout: 60_000 });
await page.waitForTimeout(2000);
const before = await taskMs();
const taken = await page.evaluate(async (count: number) => {
  const stage = document.querySelector('[data-testid="timeline"]')!;
  const box = stage.getBoundingClientRect();
  const channel = new MessageChannel();
  let painted: (() => void) | undefined;
  // A message that is sent while a frame is made arrives when it has been painted.
  channel.port1.onmessage = () => painted?.();
  const frame = () =>
    new Promise<void>((resolve) =>
      requestAnimationFrame(() => {
        painted = resolve;
        channel.port2.postMessage(0);
      }),
    );
  const calls = () => performance.getEntriesByType("resource").length;
  performance.setResourceTimingBufferSize(100_000);
  let seed = 7;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const done: Step[] = [];
  // Down to where single events are seen, and out again, with moves to either side at every depth.
  for (let i = 0; i < count; i++) {
    const depth = i % 40;
    const zoom = i % 2 === 0;
    const kind = !zoom ? "pan" : depth < 20 ? "zoom in" : "zoom out";
    const wheel = zoom
      ? { ctrlKey: true, deltaY: depth < 20 ? -240 : 240 }
      : { shiftKey: true, deltaY: (random() < 0.5 ? -1 : 1) * 300 };
    const x = box.left + 140 + random() * (box.width - 160);
    const asked = calls();
    const startMs = performance.now();
    stage.dispatchEvent(
      new WheelEvent("wheel", { ...wheel, clientX: x, clientY: box.top + 100, bubbles: true, cancelable: true }),
    );
    do await frame();
    while (stage.getAttribute("aria-busy") !== "false");
    const ms = performance.now() - startMs;
    done.push({ kind, ms, asked: calls() > asked });
    // As a hand does: neighbours are fetched between two steps.
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  return done;
}, Number(steps));
const spentMs = ((await taskMs()) - before) / taken.length;
await browser.close();

const list: Step[] = taken;
console.log(`timeline of ${host}: ${list.length} steps, from the wheel to the whole picture, ms`);
for (const kind of ["zoom in", "zoom out", "pan"]) {
  const own = list.filter((one) => one.kind === kind);
  console.log(`  ${kind.padEnd(9)} ${told(own.map(({ ms }) => ms))}  n=${own.length}`);
}
for (const asked of [true, false]) {
  const own = list.filter((one) => one.asked === asked);
  console.log(`  ${asked ? "asked    " : "had tiles"} ${told(own.map(({ ms }) => ms))}  n=${own.length}`);
}
const p95 = quantile(
  list.map(({ ms }) => ms),
  0.95,
);
console.log(`  all       ${told(list.map(({ ms }) => ms))}  n=${list.length}`);
console.log(
  `  main thread ${spentMs.toFixed(1)} ms of processor time a step, drawing, decoding and components together`,
);
console.log(`  goal: p95 below ${kGoalMs} ms: ${p95 < kGoalMs ? "met" : "NOT met"}`);
process.exit(p95 < kGoalMs ? 0 : 1);
