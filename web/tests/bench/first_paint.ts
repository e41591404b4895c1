// What the first visit costs: bytes on the wire, which must stay below the limit, and when the first thing is painted, which
// depends on the machine and is only told. npm run build && npm run bench:paint [VISITS]
import { launch } from "../e2e/browser";
import { gzippedSizes, startMock, summary } from "./figures";

const kBytesMax = 250_000;
const visits = Number(process.argv[2] ?? "10");

const sizes = gzippedSizes();
for (const [name, bytes] of sizes) console.log(`${String(bytes).padStart(8)} ${name}`);
const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
console.log(
  `${String(total).padStart(8)} bytes gzipped in all, at most ${kBytesMax}: ${total <= kBytesMax ? "kept" : "MISSED"}`,
);

const mock = await startMock();
const browser = await launch();
const [paints, tables]: [number[], number[]] = [[], []];
for (let i = 0; i < visits; i++) {
  const context = await browser.newContext(); // nothing is cached
  const page = await context.newPage();
  await page.goto(mock.url);
  await page.locator("table.grid tbody tr").first().waitFor();
  tables.push(await page.evaluate(() => performance.now()));
  const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  if (painted !== undefined) paints.push(painted);
  await context.close();
}
console.log(`first contentful paint: ${summary(paints)}`);
console.log(`hosts in the table: ${summary(tables)}`);
await browser.close();
await mock.stop();
process.exit(total <= kBytesMax ? 0 : 1);
