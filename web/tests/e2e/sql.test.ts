// The SQL console, and exports of every table, on the mock.
import { readFileSync } from "node:fs";
import type { BrowserContext, Download, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { kHostile } from "../mock/data";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("on the mock", () => {
  let mock: Mock;
  let context: BrowserContext;
  let page: Page;
  onMock((fresh) => ({ mock, context, page } = fresh), { acceptDownloads: true });

  const sqlAt = (query = "") => `${mock.url}/#/sql${query}`;
  const asked = (sql: string, rest = "") => sqlAt(`?host=build-01&q=${encodeURIComponent(sql)}${rest}`);
  const editor = () => page.getByRole("textbox", { name: "Query", exact: true });
  const told = () => page.locator(".sql-told");
  const rows = () => page.locator("table.grid tbody tr:not(.filler)");
  const textOf = async (download: Download) => readFileSync((await download.path())!, "utf8");

  async function exported(caption: string, format: "CSV" | "JSON"): Promise<Download> {
    await page.getByLabel(`Export ${caption}`).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: `Download ${format}` }).click(),
    ]);
    return download;
  }

  describe("the SQL console", () => {
    it("runs with the keyboard, and its address shows the same answer elsewhere", async () => {
      await page.goto(sqlAt("?host=build-01"));
      await editor().fill("SELECT * FROM waits LIMIT 7");
      await page.keyboard.press("Control+Enter");
      await told()
        .getByText(/7 rows in/)
        .waitFor();
      for (const name of [kHostile.image, kHostile.script]) await rows().getByText(name).first().waitFor();
      expect(await page.locator("main img, main script").count()).toBe(0);
      const other = await context.newPage();
      await other.goto(page.url());
      await other
        .locator(".sql-told")
        .getByText(/7 rows in/)
        .waitFor();
    });

    it("shows rows while they come, and Escape stops them", async () => {
      await page.goto(sqlAt("?host=build-01"));
      await editor().fill("SELECT slow FROM waits LIMIT 90000");
      await page.keyboard.press("Control+Enter");
      await told()
        .getByText(/running, [\d\u202f]{3,} rows so far/)
        .waitFor();
      await page.keyboard.press("Escape");
      await told().getByText("Cancelled").waitFor();
      expect(await rows().count()).toBeGreaterThan(10);
      expect(await rows().count()).toBeLessThan(120);
    });

    it("scrolls through 100,000 rows, and says that there are more", async () => {
      await page.goto(asked("SELECT * FROM waits LIMIT 200000"));
      await page.getByText("Truncated:").waitFor();
      const scroller = page.getByRole("region", { name: "Rows of the query" });
      // The page may yet grow.
      const atTheEnd = async () => {
        await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight));
        return rows().filter({ hasText: "100009" }).count();
      };
      await expect.poll(atTheEnd).toBe(1);
      expect(await rows().count()).toBeLessThan(120);
    });

    it.each([
      ["SELEC 1", "no SQL that the recording can answer", 'near "SELEC": syntax error'],
      ["DELETE FROM finding", "Only reading is allowed", "refused: DELETE"],
      ["SELECT deadline", "longer than it may", "ran into its deadline"],
    ])("of %s says what to do", async (sql, title, words) => {
      await page.goto(asked(sql));
      const alert = page.getByRole("alert");
      await alert.getByText(title).waitFor();
      expect(await alert.innerText()).toContain(words);
    });

    it("does not keep Tab to itself", async () => {
      await page.goto(sqlAt("?host=build-01"));
      await editor().focus();
      await page.keyboard.press("Tab");
      expect(await editor().evaluate((element) => element === document.activeElement)).toBe(false);
      await editor().fill("");
      await page.keyboard.type("a");
      await page.keyboard.press("Tab");
      expect(await editor().inputValue()).toBe("a  ");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Tab");
      expect(await editor().evaluate((element) => element === document.activeElement)).toBe(false);
    });

    it("has the schema, events by how often they were recorded, and puts names into the query", async () => {
      await page.goto(sqlAt("?host=build-01"));
      const schema = page.getByRole("region", { name: "Schema" });
      await schema.getByRole("button", { name: "Columns of waits" }).click();
      await editor().fill("");
      await schema.getByRole("button", { name: "latency_ns", exact: true }).click();
      expect(await editor().inputValue()).toBe("latency_ns");
      expect(await schema.locator(".table-name .name").allInnerTexts()).toEqual(
        expect.arrayContaining(["waits", "sched_switch", "sched_waking"]),
      );
      await schema.getByText("301 more events").waitFor();
      await schema.getByRole("searchbox").fill("xen_mc_entry_29");
      await schema.getByRole("button", { name: "xen_mc_entry_299", exact: true }).waitFor();
    });

    it("keeps the user's own queries over a reload", async () => {
      await page.goto(sqlAt("?host=build-01"));
      await editor().fill("SELECT 1 -- mine");
      await page.getByLabel("Name under which the query is kept").fill(kHostile.image);
      await page.keyboard.press("Enter");
      await page.reload();
      await page.getByRole("button", { name: kHostile.image, exact: true }).click();
      expect(await editor().inputValue()).toBe("SELECT 1 -- mine");
      await page.getByRole("button", { name: `Remove ${kHostile.image}` }).click();
      await page.reload();
      await editor().waitFor();
      expect(await page.getByRole("button", { name: kHostile.image, exact: true }).count()).toBe(0);
    });

    it("draws a result, and the address keeps how", async () => {
      await page.goto(asked("SELECT * FROM waits LIMIT 40"));
      await page.getByRole("button", { name: "Draw a chart" }).click();
      await page.getByRole("img", { name: /^Line chart of/ }).waitFor();
      await page.getByLabel("Chart", { exact: true }).selectOption("histogram");
      await page.reload();
      await page.getByRole("img", { name: /^Histogram of/ }).waitFor();
      expect(await page.locator(".plot canvas").count()).toBe(1);
      await page.getByText("40 rows are drawn").waitFor();
    });
  });

  describe("exports", () => {
    it("of a query are safe for a spreadsheet", async () => {
      await page.goto(asked("SELECT * FROM waits LIMIT 7"));
      const csv = await textOf(await exported("Rows of the query", "CSV"));
      const lines = csv.trimEnd().split("\r\n");
      expect(lines).toHaveLength(8);
      expect(lines[0]).toBe("comm,pid,latency_ns,start_ns,note");
      expect(lines[1]).toBe(`${kHostile.image},10,0,86412000000000,"'=1+1"`);
    });

    it("of threads have every row, though few are drawn, and every n", async () => {
      await page.goto(`${mock.url}/#/host/build-01?user=1&sort=pid`);
      await rows().first().waitFor();
      const download = await exported("Threads", "JSON");
      expect(download.suggestedFilename()).toBe("wakewatch_build-01_threads.json");
      const threads = JSON.parse(await textOf(download)) as Record<string, unknown>[];
      expect(threads).toHaveLength(2053);
      expect(Object.keys(threads[0]!)).toEqual(
        expect.arrayContaining(["comm", "pid", "latency_n", "latency_p99_ns", "delivery_p99_ns", "delivery_n"]),
      );
    });

    it("have what the filter leaves, and the clipboard takes them too", async () => {
      await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: mock.url });
      await page.goto(`${mock.url}/#/host/build-01?q=ksoftirqd&sort=pid`);
      await rows().first().waitFor();
      await page.getByLabel("Export Threads").focus();
      await page.keyboard.press("Enter");
      for (const _ of [1, 2]) await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByText("Copied 8 rows").waitFor();
      const text = await page.evaluate(() => navigator.clipboard.readText());
      expect(text.trimEnd().split("\n")).toHaveLength(9);
      expect(text).toContain("ksoftirqd/7");
    });

    it("are there for every table", async () => {
      const tables: [string, string][] = [
        ["#/", "Hosts"],
        ["#/findings", "Findings by group"],
        ["#/findings?view=all", "Findings"],
        ["#/host/build-01/work", "Work functions"],
        ["#/host/build-01/softirqs", "Softirqs"],
        ["#/host/build-01/delays", "Waits by kind and cause"],
        ["#/host/build-01/model", "Rules of the scheduler model"],
        ["#/host/build-01/thread/9", "The longest waits"],
        ["#/protocols", "Protocols"],
      ];
      for (const [address, caption] of tables) {
        await page.goto(`${mock.url}/${address}`);
        const csv = await textOf(await exported(caption, "CSV"));
        const [head, ...lines] = csv.trimEnd().split("\r\n");
        expect(lines.length, caption).toBeGreaterThan(0);
        expect(head!.split(",").length, caption).toBeGreaterThan(3);
      }
    });
  });
});
