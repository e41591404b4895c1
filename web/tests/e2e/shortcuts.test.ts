// Keys of every page, and how times are told.
import type { BrowserContext, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("on the mock", () => {
  let mock: Mock;
  let context: BrowserContext;
  let page: Page;
  onMock((fresh) => ({ mock, context, page } = fresh));

  const hash = () => new URL(page.url()).hash;
  const rows = () => page.locator("table.grid tbody tr:not(.filler)");

  describe("keys", () => {
    it("lead from page to page, and to the host that was shown last", async () => {
      await page.goto(`${mock.url}/#/host/db-eu-1`);
      await rows().first().waitFor();
      for (const [key, address] of [
        ["i", "#/findings"],
        ["d", "#/host/db-eu-1/delays"],
        ["q", "#/sql?host=db-eu-1"],
        ["l", "#/host/db-eu-1/timeline"],
        ["c", "#/compare"],
        ["m", "#/import"],
        ["f", "#/"],
        ["h", "#/host/db-eu-1"],
      ] as const) {
        await page.keyboard.press("g");
        await page.keyboard.press(key);
        await expect.poll(hash).toBe(address);
        await page.locator("main h1").waitFor();
      }
    });

    it("are text while one types", async () => {
      await page.goto(`${mock.url}/#/host/build-01`);
      await rows().first().waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("g/f?");
      expect(await page.getByLabel("Filter threads").inputValue()).toBe("g/f?");
      expect(hash()).toMatch(/^#\/host\/build-01\?q=/);
      expect(await page.locator("dialog[open]").count()).toBe(0);
    });

    it("are listed behind ?, and Escape closes the list", async () => {
      await page.goto(mock.url);
      await rows().first().waitFor();
      await page.keyboard.press("?");
      const list = page.getByRole("dialog", { name: "Keys on every page" });
      await list.getByText("the fleet").waitFor();
      await page.keyboard.press("Escape");
      await list.waitFor({ state: "hidden" });
      await page.getByRole("button", { name: "Keys" }).click();
      await list.getByRole("button", { name: "Close" }).click();
      await list.waitFor({ state: "hidden" });
    });
  });

  it("times are told as wanted, on every page from then on, and in the address", async () => {
    await page.goto(`${mock.url}/#/host/build-01`);
    const told = page.locator(".toolbar .push");
    await told.getByText(/analysed up to \d+\.\d{9} s/).waitFor();
    const switched = page.getByRole("combobox", { name: "Times" });
    await switched.selectOption("relative");
    await told.getByText(/analysed up to \+/).waitFor();
    expect(page.url()).toContain("times=relative");
    await switched.selectOption("wall");
    await told.getByText(/analysed up to (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{6}/).waitFor();
    await page.goto(`${mock.url}/#/host/build-01/thread/9`);
    await page
      .locator(".wakeup")
      .first()
      .getByText(/\d\d:\d\d:\d\d\.\d{6} to/)
      .waitFor();
    const other = await context.newPage();
    await other.goto(`${mock.url}/#/host/build-01?times=trace`);
    await other
      .locator(".toolbar .push")
      .getByText(/\d+\.\d{9} s/)
      .waitFor();
  });
});
