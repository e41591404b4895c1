// Pictures of every page, light and dark, out of the mock server's data: npm run build && npm run screenshots
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./e2e/browser";
import { Mock } from "./mock/server";
import { allPages } from "./pages";

const out = join(process.cwd(), "tests", "screenshots");
mkdirSync(out, { recursive: true });
const mock = new Mock(process.env.WAKEWATCH_WEB_OUT ?? join(process.cwd(), "dist"));
await mock.start(0);
const browser = await launch();
const host = (name: string, rest = "") => `#/host/${encodeURIComponent(name)}${rest}`;

for (const theme of ["light", "dark"] as const) {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1500, height: 900 } });
  for (const { name, address } of allPages(mock)) {
    const page = await context.newPage();
    await page.goto(`${mock.url}/${address}`);
    await page.waitForTimeout(1700);
    await page.screenshot({ path: join(out, `${name}_${theme}.png`) });
    await page.close();
  }
  const lost = await context.newPage();
  await lost.goto(`${mock.url}/${host("build-01")}`);
  await lost.waitForTimeout(1500);
  await mock.stop();
  await lost.waitForTimeout(1500);
  await lost.screenshot({ path: join(out, `lost_${theme}.png`) });
  await mock.start();
  await context.close();
}
const narrow = await browser.newContext({ viewport: { width: 420, height: 850 } });
const small = await narrow.newPage();
await small.goto(`${mock.url}/${host("db-eu-1", "?pid=9")}`);
await small.waitForTimeout(1700);
await small.screenshot({ path: join(out, "narrow.png") });
await browser.close();
await mock.stop();
console.log(out);
process.exit(0);
