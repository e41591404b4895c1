// Pictures of every page, light and dark and on a phone, out of the mock server's data:
// npm run build && npm run screenshots
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
  const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1500, height: 1500 } });
  for (const { name, address } of allPages(mock)) {
    const page = await context.newPage();
    await page.goto(`${mock.url}/${address}`);
    await page.waitForTimeout(1700);
    await page.screenshot({ path: join(out, `${name}_${theme}.png`) });
    await page.close();
  }
  const importing = await context.newPage();
  await importing.goto(`${mock.url}/#/import`);
  for (const [name, text] of [
    ["good.dat", "trace"],
    ["broken.dat", "none"],
    ["on its way.dat", "trace"],
  ] as const) {
    mock.imports.slow = name.startsWith("on");
    await importing
      .getByLabel("File", { exact: true })
      .setInputFiles({ name, mimeType: "", buffer: Buffer.from(text) });
    await importing.getByRole("button", { name: "Import", exact: true }).click();
    await importing.waitForTimeout(1500);
  }
  await importing.screenshot({ path: join(out, `imports_${theme}.png`) });
  await importing.close();
  mock.imports.slow = false;
  const pointed = await context.newPage();
  await pointed.goto(`${mock.url}/${host("edge-7", "/timeline?start=86400&end=86400.0026&pin=5000")}`);
  await pointed.waitForTimeout(1700);
  await pointed.mouse.move(620, 380);
  await pointed.getByTestId("timeline-tip").waitFor();
  await pointed.screenshot({ path: join(out, `timeline_pointed_${theme}.png`) });
  await pointed.close();
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
for (const { name, address } of allPages(mock)) {
  await small.goto(`${mock.url}/${address}`);
  await small.waitForTimeout(1200);
  await small.screenshot({ path: join(out, `${name}_narrow.png`) });
}
await browser.close();
await mock.stop();
console.log(out);
process.exit(0);
