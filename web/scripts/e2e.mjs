// Runs the browser tests against the mock server, or against WAKEWATCH_URL. Ends with 77 where there is no Chromium.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const chromium = process.env.WAKEWATCH_CHROMIUM ?? "/usr/bin/chromium";
const pages = process.env.WAKEWATCH_WEB_OUT ?? join(web, "dist");

if (!existsSync(chromium)) {
  console.error(`web.e2e: SKIPPED: ${chromium} is not there; install chromium or set WAKEWATCH_CHROMIUM`);
  process.exit(77);
}
if (!process.env.WAKEWATCH_URL && !existsSync(join(pages, "index.html"))) {
  console.error(`web.e2e: ${pages} has no built pages; run npm run build first, or set WAKEWATCH_WEB_OUT`);
  process.exit(1);
}
const vitest = join(web, "node_modules", "vitest", "vitest.mjs");
const run = spawnSync(process.execPath, [vitest, "run", "--config", "vitest.e2e.config.ts", ...process.argv.slice(2)], {
  cwd: web,
  stdio: "inherit",
});
process.exit(run.status ?? 1);
