// Whether live pages grow: their heap after a garbage collection, every ten seconds, and the slope of it after the first
// minute. A part of the heap is no data: what the browser compiled of the page's code, which it goes on with for as long as
// it finds something worth it; how much that is at both ends is told.
// npm run build && npm run bench:memory [MINUTES]; WAKEWATCH_URL for a server on which a host streams.
import type { CDPSession, Page } from "playwright-core";
import { launch } from "../e2e/browser";
import { startMock } from "./figures";

const minutes = Number(process.argv[2] ?? "5");
const kEveryS = 10;
const kSettleMs = 1500;
const kWarmUpS = 60; // what is made once is made by then
const kSlopeMax = 50; // kB a minute: 1.5 MB in half an hour

interface Watched {
  name: string;
  page: Page;
  session: CDPSession;
  samples: { s: number; kb: number; nodes: number }[];
  code: number[]; // kB, when it was warm and at the end
}

async function sample({ session }: Watched): Promise<{ kb: number; nodes: number }> {
  // Twice: the first may leave what finalisers let go.
  for (let i = 0; i < 2; i++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes } = await session.send("Memory.getDOMCounters");
  return { kb: usedSize / 1024, nodes };
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[], ...unknown[]] } };
  nodes: number[];
}

/** What of the heap is compiled code, and what the browser keeps beside it. */
async function codeKb({ session }: Watched): Promise<number> {
  const chunks: string[] = [];
  const take = ({ chunk }: { chunk: string }) => chunks.push(chunk);
  session.on("HeapProfiler.addHeapSnapshotChunk", take);
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  session.off("HeapProfiler.addHeapSnapshotChunk", take);
  const { snapshot, nodes } = JSON.parse(chunks.join("")) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, size, code] = [fields.indexOf("type"), fields.indexOf("self_size"), types[0].indexOf("code")];
  let bytes = 0;
  for (let i = 0; i < nodes.length; i += fields.length) if (nodes[i + type] === code) bytes += nodes[i + size]!;
  return bytes / 1024;
}

/** Of a straight line through the samples, by least squares. */
function slopePerMinute(samples: readonly { s: number; kb: number }[]): number {
  const mean = (of: (one: { s: number; kb: number }) => number) =>
    samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const [s, kb] = [mean((one) => one.s), mean((one) => one.kb)];
  const up = samples.reduce((sum, one) => sum + (one.s - s) * (one.kb - kb), 0);
  return (60 * up) / samples.reduce((sum, one) => sum + (one.s - s) ** 2, 0);
}

const url = process.env.WAKEWATCH_URL?.replace(/\/$/, "");
const mock = url === undefined ? await startMock() : undefined;
const base = url ?? mock!.url;
const browser = await launch();
const host = encodeURIComponent(process.env.WAKEWATCH_HOST ?? "build-01");
const watched: Watched[] = [];
for (const [name, address] of [
  ["fleet", "#/"],
  ["threads", `#/host/${host}?sort=pid`],
  ["findings", "#/findings?view=all"],
] as const) {
  const page = await (await browser.newContext()).newPage();
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  await page.goto(`${base}/${address}`);
  await page.locator("table.grid tbody tr").first().waitFor();
  watched.push({ name, page, session, samples: [], code: [] });
}
const begunMs = Date.now();
for (let last = false; !last;) {
  // Without this a sample may find a list twice: the one that is shown, and the one that is just being read.
  if (mock !== undefined) mock.stalled = true;
  await watched[0]!.page.waitForTimeout(kSettleMs);
  const s = (Date.now() - begunMs) / 1000;
  last = s >= minutes * 60;
  for (const one of watched) {
    one.samples.push({ s, ...(await sample(one)) });
    if (last || (s >= kWarmUpS && one.code.length === 0)) one.code.push(await codeKb(one));
  }
  if (mock !== undefined) mock.stalled = false;
  if (!last) await watched[0]!.page.waitForTimeout(kEveryS * 1000);
}
let steady = true;
for (const { name, samples, code } of watched) {
  const warm = samples.filter(({ s }) => s >= kWarmUpS);
  const slope = slopePerMinute(warm);
  steady &&= slope < kSlopeMax;
  const [first, last] = [warm[0]!, warm.at(-1)!];
  console.log(
    `${name}: ${first.kb.toFixed(0)} kB to ${last.kb.toFixed(0)} kB, ${first.nodes} to ${last.nodes} nodes; ` +
      `${slope.toFixed(1)} kB a minute, n=${warm.length} over ${minutes} min; ` +
      `compiled code ${code.map((kb) => kb.toFixed(0)).join(" to ")} kB of it`,
  );
  // The warm samples' second half: what goes on for ever goes on there.
  const late = warm.slice(Math.floor(warm.length / 2));
  console.log(`  second half: ${slopePerMinute(late).toFixed(1)} kB a minute, n=${late.length}`);
  console.log(`  ${samples.map(({ kb }) => kb.toFixed(0)).join(" ")}`);
}
console.log(`at most ${kSlopeMax} kB a minute: ${steady ? "kept" : "MISSED"}`);
await browser.close();
await mock?.stop();
process.exit(steady ? 0 : 1);
