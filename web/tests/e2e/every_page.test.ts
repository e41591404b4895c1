// What holds on every page: nothing that came with the data runs, and people who cannot see or point can use it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Mock } from "../mock/server";
import { allPages } from "../pages";
import { kNoTrouble, kPatienceMs, launch, watchTrouble } from "./browser";
import { describeOnMock } from "./on_mock";
import { startMock } from "./target";

const kAxe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describeOnMock("on the mock: every page", () => {
  let mock: Mock;
  let browser: Browser;

  beforeAll(async () => {
    mock = await startMock();
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await mock?.stop();
  });

  // One context a theme, one visit a page: a browser's start costs more than a page's.
  it.each(["light", "dark"] as const)(
    "has no serious fault of accessibility and runs nothing foreign, in %s",
    async (theme) => {
      const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1400, height: 900 } });
      const page = await context.newPage();
      const trouble = await watchTrouble(page);
      const faults: string[] = [];
      for (const { name, address } of allPages(mock)) {
        await page.goto(`${mock.url}/${address}`);
        await page.locator("main h1, main h2").first().waitFor();
        await page.locator(".loading").first().waitFor({ state: "detached" });
        expect(await page.locator("main img, main script, main iframe, main b").count(), name).toBe(0);
        expect(await page.locator("a[href^='javascript']").count(), name).toBe(0);
        // Past the page's policy, which lets no script in but the server's.
        const session = await context.newCDPSession(page);
        await session.send("Runtime.evaluate", { expression: kAxe });
        const results = await page.evaluate((theme) => {
          const { axe } = window as unknown as { axe: { run(options: object): Promise<AxeResults> } };
          // Another theme changes colours and nothing else.
          const only =
            theme === "dark"
              ? { type: "rule", values: ["color-contrast"] }
              : { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21aa"] };
          return axe.run({ resultTypes: ["violations"], runOnly: only, iframes: false });
        }, theme);
        await session.detach();
        for (const { id, impact, nodes } of results.violations) {
          if (impact !== "serious" && impact !== "critical") continue;
          faults.push(`${name}: ${impact} ${id}: ${nodes.length} × ${nodes[0]?.html.slice(0, 160)}`);
        }
      }
      await context.close();
      expect(faults).toEqual([]);
      expect(trouble).toEqual(kNoTrouble);
    },
  );

  it.each([
    ["a desk", 1500, 950],
    ["a phone", 390, 844],
  ])(
    "fits %s",
    async (where, width, height) => {
      const context = await browser.newContext({ viewport: { width, height } });
      const page = await context.newPage();
      const faults: string[] = [];
      for (const { name, address } of allPages(mock)) {
        await page.goto(`${mock.url}/${address}`);
        await page.locator("main h1, main h2").first().waitFor();
        await page.locator(".loading").first().waitFor({ state: "detached" });
        const found = await page.evaluate((tables) => {
          const tooWide = (one: Element) => one.scrollWidth > one.clientWidth + 1;
          const what = (one: Element) => one.querySelector("caption")?.textContent ?? one.className;
          const wide = tooWide(document.documentElement) ? ["the page itself"] : [];
          if (!tables) return wide;
          // What a query answers is as wide as it was asked to be.
          const scrollers = [...document.querySelectorAll("main :is(.scroller, .sideways, .across)")];
          const heads = [...document.querySelectorAll("main thead th")].filter(tooWide);
          return [
            ...wide,
            ...scrollers.filter((one) => tooWide(one) && what(one) !== "Rows of the query").map(what),
            ...heads.map((one) => `the head ${one.textContent}`),
          ];
        }, where === "a desk");
        faults.push(...found.map((one) => `${name}: ${one}`));
      }
      await context.close();
      expect(faults).toEqual([]);
    },
    120_000,
  );

  it("says that the connection is lost, and what it cannot show, and comes back by itself", async () => {
    const lost = await startMock();
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    context.setDefaultTimeout(kPatienceMs);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(lost.url);
    await page.locator("table.grid tbody tr").first().waitFor();
    const pages = allPages(lost);
    await lost.stop();
    await page.getByText("What you see is as of").waitFor();
    for (const { name, address } of pages) {
      await page.evaluate((hash) => (window.location.hash = hash), address);
      await page.getByText("What you see is as of").waitFor();
      const says = page.locator("main h1, main .empty h2, main .loading").first();
      await says.waitFor();
      expect((await page.locator("main").innerText()).length, name).toBeGreaterThan(60);
    }
    await page.evaluate(() => (window.location.hash = "#/"));
    await lost.start();
    await page.getByText("What you see is as of").waitFor({ state: "detached" });
    await page.locator("table.grid tbody tr").first().waitFor();
    expect(errors).toEqual([]);
    await context.close();
    await lost.stop();
  });
});
