// Two recordings side by side, on the mock.
import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { kHostile } from "../mock/data";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

const kOlder = "20261120T090000-1";

describeOnMock("the comparison", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh), { viewport: { width: 1800, height: 900 }, acceptDownloads: true });

  const address = (query: Record<string, string>) => `${mock.url}/#/compare?${new URLSearchParams(query)}`;
  const both = { before: `build-01/${kOlder}`, after: "build-01/" };
  const main = () => page.locator("main");
  const text = async (of: Locator) => (await of.innerText()).replaceAll("\u202f", " ").replaceAll(/\s+/g, " ");
  const rowsOf = (caption: string) =>
    page.getByRole("table", { name: caption, exact: true }).locator("tbody tr:not(.filler)");
  const told = () => main().locator("p[role=status]");

  it("is led to from a host, and starts when both sides are chosen", async () => {
    await page.goto(`${mock.url}/#/host/build-01`);
    await page.getByRole("link", { name: "Compare with another recording" }).click();
    await main().getByText("Nothing to compare yet").waitFor();
    await expect.poll(() => page.title()).toBe("Compare – Wakewatch");
    expect(await page.getByLabel("Host, after").inputValue()).toBe("build-01");
    expect(mock.comparesAsked).toHaveLength(0);
    await page.getByLabel("Host, before").selectOption("build-01");
    await page.getByLabel("Recording, before").selectOption(kOlder);
    await rowsOf("Threads").nth(2).waitFor();
    expect(new URL(page.url()).hash).toContain(`before=build-01%2F${kOlder}`);
    const { before, after, userTasks } = mock.comparesAsked.at(-1)!;
    expect([before?.recording, after?.host, after?.recording, userTasks]).toEqual([
      kOlder,
      "build-01",
      mock.hosts[0]!.recording,
      false,
    ]);
  });

  it("shows before, after, how much, how sure, and never a p without its ns", async () => {
    await page.goto(address(both));
    const rows = rowsOf("Threads");
    await rows.nth(2).waitFor();
    expect(await text(rows.first())).toBe(
      "kworker/u*:* kworker latency longer p < 0.0001, n 41 200 + 39 870 18.4 µs 61.9 µs ×3.36 +43.5 µs " +
        "166 µs 557 µs ×3.36 +392 µs 81 % 12 → 9 686.7 → 664.5",
    );
    expect(await text(rows.nth(2))).toContain("ksoftirqd latency shorter p = 0.0021, n 900 + 1 100");
    expect(await text(told())).toMatch(/^3 longer, 1 shorter, \d+ without a sure change, 8 of \d+ not decidable\.$/);
    const ps = await page
      .locator("main td")
      .filter({ hasText: /^(p |no p)/ })
      .allInnerTexts();
    expect(ps.length).toBeGreaterThan(15);
    for (const p of ps) expect(p).toMatch(/, n [\d\u202f]+ \+ [\d\u202f]+$/);
    await rows.filter({ hasText: "only after" }).first().waitFor();
    await rowsOf("Work functions").filter({ hasText: "too few to tell" }).first().waitFor();
    // What is 0 on both sides is no row.
    expect(await rows.filter({ hasText: "excess" }).filter({ hasText: "ksoftirqd" }).count()).toBe(0);
    expect(await rowsOf("Softirqs").count()).toBe(1);
  });

  it("says above everything what each side lost", async () => {
    await page.goto(address({ before: "db-eu-1/", after: "edge-7/" }));
    const banner = page.getByRole("alert");
    await banner.waitFor();
    const said = await text(banner);
    expect(said).toMatch(/before: ≥ 18 442 events were lost, in 7 gaps/);
    expect(said).toMatch(/after: 12 events were lost, in 1 gap /);
    await page.goto(address(both));
    await rowsOf("Threads").first().waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it("is filtered and sorted, by the keyboard too, and the address keeps it", async () => {
    await page.goto(address(both));
    const rows = rowsOf("Threads");
    await rows.nth(4).waitFor();
    await page.getByLabel("Sure changes only").check();
    await expect.poll(() => rows.count()).toBe(3);
    await page
      .getByRole("table", { name: "Threads" })
      .getByRole("button", { name: /^Thread/ })
      .first()
      .focus();
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await text(rows.first())).startsWith("ksoftirqd/*")).toBe(true);
    await page.getByLabel("Filter the comparison").fill("WB_");
    await expect.poll(() => rowsOf("Work functions").count()).toBe(1);
    await main()
      .getByText(/^1 of \d+ measures$/)
      .waitFor();
    await page.reload();
    await expect.poll(() => text(rowsOf("Work functions"))).toMatch(/^wb_workfn queue to start longer/);
    expect(page.url()).toMatch(/sure=1&sort=name&q=WB_/);
  });

  it("keeps what is being typed while the page is drawn anew", async () => {
    await page.goto(address({ before: "build-01/", after: "build-01/" }));
    await rowsOf("Threads").first().waitFor();
    const since = page.getByLabel("since, after");
    await since.pressSequentially("864");
    await page.evaluate(() => (window.location.hash += "&q=WB_"));
    await expect.poll(() => page.getByLabel("Filter the comparison").inputValue()).toBe("WB_");
    expect(await since.inputValue()).toBe("864");
    await since.pressSequentially("11");
    await page.keyboard.press("Tab");
    await expect.poll(() => mock.comparesAsked.at(-1)!.after!.sinceNs).toBe(86_411_000_000_000n);
  });

  it("takes spans of one recording, and exchanges the sides", async () => {
    await page.goto(address({ before: "build-01/", after: "build-01/" }));
    await rowsOf("Threads").first().waitFor();
    await page.getByLabel("until, before").fill("86410.5");
    await page.keyboard.press("Tab");
    await expect.poll(() => mock.comparesAsked.at(-1)!.before!.untilNs).toBe(86_410_500_000_000n);
    await page.getByLabel("since, after").fill("86411");
    await page.keyboard.press("Tab");
    await expect.poll(() => mock.comparesAsked.at(-1)!.after!.sinceNs).toBe(86_411_000_000_000n);
    expect(mock.comparesAsked.at(-1)!.before!.untilNs).toBe(86_410_500_000_000n);
    await expect.poll(() => text(told())).toMatch(/^0 longer, 0 shorter, 0 without a sure change, (\d+) of \1 not/);
    await page.getByRole("button", { name: "Exchange the sides" }).click();
    await expect.poll(() => mock.comparesAsked.at(-1)!.before!.sinceNs).toBe(86_411_000_000_000n);
    const asked = mock.comparesAsked.length;
    await page.getByLabel("until, before").fill("5");
    await page.keyboard.press("Tab");
    await page.getByRole("alert").filter({ hasText: "The span ends before it begins." }).waitFor();
    expect(mock.comparesAsked.length).toBe(asked);
    // Times of one recording mean nothing in another.
    await page.getByLabel("Host, before").selectOption("edge-7");
    await expect.poll(() => page.getByLabel("until, before").inputValue()).toBe("");
  });

  it("asks for user tasks only when told to", async () => {
    await page.goto(address(both));
    await rowsOf("Threads").first().waitFor();
    expect(await rowsOf("Threads").filter({ hasText: "postgres" }).count()).toBe(0);
    await page.getByLabel("User tasks too").check();
    await rowsOf("Threads").filter({ hasText: "postgres" }).first().waitFor();
    expect(mock.comparesAsked.map(({ userTasks }) => userTasks)).toEqual([false, true]);
  });

  it("is saved as CSV with all that was compared", async () => {
    await page.goto(address({ ...both, sure: "1" }));
    await rowsOf("Threads").first().waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save all as CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("wakewatch_comparison.csv");
    const lines = readFileSync(await download.path(), "utf8")
      .trimEnd()
      .split("\r\n");
    expect(lines[1]).toMatch(/^trace,,,lost_events,0,0,/);
    expect(lines.some((line) => line.startsWith("softirq,NET_RX,,raise to entry,90000,88000,"))).toBe(true);
    expect(lines.filter((line) => line.startsWith("thread,"))).toHaveLength(26);
    // One table by itself has the rows that the filter leaves, each p with its ns.
    await main().getByText("Export", { exact: true }).first().click();
    const [threads] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download JSON" }).first().click(),
    ]);
    const rows: Record<string, unknown>[] = JSON.parse(readFileSync(await threads.path(), "utf8"));
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({ name: "kworker/u*:*", change: "longer", n_before: 41200, n_after: 39870 });
    expect(rows[0]).toMatchObject({ p50_before_ns: 18400, p50_more_ns: 43500, threads_before: 12, threads_after: 9 });
  });

  it("shows names that attack as text", async () => {
    await page.goto(address(both));
    await rowsOf("Threads").nth(2).waitFor();
    const said = await main().innerText();
    for (const name of [kHostile.image, kHostile.script, kHostile.quotes, "abc\\u{202e}gpj.exe"])
      expect(said).toContain(name);
    expect(said).not.toContain("\u202e");
    expect(await page.locator("main img, main script, main b, main iframe").count()).toBe(0);
  });

  it("says what the server refuses", async () => {
    await page.goto(address({ before: "nobody/", after: "build-01/" }));
    await main().getByText("The server gave no comparison").waitFor();
    await main().getByText("there is no host nobody").waitFor();
    expect(await page.getByLabel("Host, before").inputValue()).toBe("nobody");
  });
});
