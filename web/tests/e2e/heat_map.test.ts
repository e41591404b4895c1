// The heat map of waits: brushed with the pointer and by keys, and its table.
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("on the mock: the heat map", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh), { viewport: { width: 1400, height: 900 } });

  const map = () => page.getByRole("region", { name: "Heat map of waits over time" });
  const query = () => new URLSearchParams(page.url().split("?")[1] ?? "");
  const span = () => Number(query().get("to")) - Number(query().get("from"));

  it("is drawn, in other colours in the other theme", async () => {
    await page.goto(`${mock.url}/#/host/db-eu-1/delays`);
    const canvas = map().locator("canvas");
    await canvas.waitFor();
    const picture = () => canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
    const light = await picture();
    expect(light.length).toBeGreaterThan(5000);
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(picture).not.toBe(light);
    await map().getByText("hatched below: events were lost").waitFor();
  });

  it("brushed with the pointer, it zooms the page, and all of it comes back", async () => {
    await page.goto(`${mock.url}/#/host/build-01/delays`);
    const box = (await map().locator("canvas").boundingBox())!;
    const x = (share: number) => box.x + box.width * share;
    await page.mouse.move(x(0.25), box.y + 20);
    await page.mouse.down();
    await page.mouse.move(x(0.4), box.y + 30, { steps: 4 });
    await page.mouse.up();
    await expect.poll(() => query().get("span")).toBe("custom");
    // Of the 600 s that the mock has; the axis has its room on the left.
    expect(span()).toBeGreaterThan(60);
    expect(span()).toBeLessThan(120);
    await expect.poll(() => (mock.delaysAsked.at(-1)?.recording?.sinceNs ?? 0n) > 0n).toBe(true);
    await map().getByRole("button", { name: "All of the recording" }).click();
    await expect.poll(() => query().get("span")).toBeNull();
  });

  it("by the keyboard tells each column, and Enter looks at the marked ones", async () => {
    await page.goto(`${mock.url}/#/host/db-eu-1/delays`);
    const picture = map().getByRole("group", { name: /waits over time by their latency/ });
    await picture.focus();
    await page.keyboard.press("ArrowRight");
    await map()
      .getByText(/[\d.]+ to [\d.]+ s: [\d\u202f]+ waits? ended, the longest/)
      .waitFor();
    for (let i = 0; i < 9; i++) await page.keyboard.press("PageDown");
    await page.keyboard.press("Shift+PageUp");
    await page.keyboard.press("Shift+PageUp");
    await map().getByText("events were lost here").waitFor();
    await page.keyboard.press("Enter");
    await expect.poll(() => query().get("span")).toBe("custom");
    expect(span()).toBeCloseTo((600 * 21) / 240, 1);
  });

  it("has a table of the same, and is of one thread on its page", async () => {
    await page.goto(`${mock.url}/#/host/db-eu-1/thread/9?heat=excess`);
    await map().getByText("As a table").click();
    const rows = map().locator("table.grid tbody tr");
    await rows.first().waitFor();
    expect(await map().locator("table.grid").getAttribute("aria-rowcount")).toBe("241");
    expect(await map().getByRole("button", { name: "Excess" }).getAttribute("aria-pressed")).toBe("true");
  });
});
