// A kernel's real trace goes to a real server from the page, wholly, in part, and not at all. Needs beside WAKEWATCH_URL
// the trace (WAKEWATCH_TRACE), the server's data folder (WAKEWATCH_DATA) and its process (WAKEWATCH_PID).
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { kNoTrouble, launch, watchTrouble, type Trouble } from "./browser";
import { drop } from "./dropping";
import { call, openTarget, type Target } from "./target";

const { WAKEWATCH_TRACE: kTrace, WAKEWATCH_DATA: kData, WAKEWATCH_PID: kPid } = process.env;
const kPartBytes = 4 << 20;

describe.skipIf(kTrace === undefined || kData === undefined || kPid === undefined)("real: imports", () => {
  const trace = readFileSync(kTrace ?? "/dev/null");
  let target: Target;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let trouble: Trouble;

  const job = (name: string) => page.locator(".jobs .job", { hasText: name });
  const uploads = () => {
    const folder = join(kData!, "uploads");
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  const hosts = async () =>
    (((await call(target, "FleetService/ListHosts", {}))["hosts"] ?? []) as { name: string; events: string }[]).map(
      ({ name, events }) => ({ name, events: Number(events) }),
    );
  /** Calls of a method wait, from the nth on, until they are let through. */
  async function hold(method: string, from: number) {
    const held: Route[] = [];
    let calls = 0;
    await page.route(`**/${method}`, (route) => (++calls < from ? route.continue() : void held.push(route)));
    const letThrough = async () => {
      await page.unroute(`**/${method}`);
      for (const route of held) await route.continue().catch(() => undefined);
    };
    return { held, letThrough };
  }

  beforeAll(async () => {
    target = await openTarget();
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await target?.close();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    page = await context.newPage();
    trouble = await watchTrouble(page);
    await page.goto(`${target.url}/#/import`);
    await page.getByRole("heading", { name: "Import a trace" }).waitFor();
  });
  afterEach(async () => {
    await context.close();
    expect(trouble).toEqual(kNoTrouble);
  });

  it("of a dropped trace show how far they are, and lead to its threads and its timeline", async () => {
    const { held, letThrough } = await hold("UploadPart", 1);
    await drop(page, "whole.dat", trace);
    await expect.poll(() => held.length).toBe(1);
    await page.getByRole("progressbar", { name: "Import of whole.dat" }).waitFor();
    await job("whole.dat")
      .getByText(/sending: 0.B of 1\.88.MB/)
      .waitFor();
    await letThrough();
    await job("whole.dat").getByText("EVENTS WERE LOST").waitFor();
    const [host] = (await hosts()).filter(({ name }) => name === "whole");
    const told = await job("whole.dat").getByRole("status").innerText();
    expect(Number(/^([\d\s]+) events/.exec(told)?.[1]?.replace(/\s/g, ""))).toBe(host?.events);
    expect(host?.events).toBeGreaterThan(100_000);
    expect(uploads()).toEqual([]);

    await page.getByRole("link", { name: "Open the recording of whole" }).click();
    await page.getByRole("heading", { name: "whole" }).waitFor();
    const rows = page.locator("table.grid tbody tr:not(.filler)");
    await rows.filter({ hasText: "ksoftirqd/" }).first().waitFor();
    await page.getByRole("link", { name: "Timeline" }).click();
    await page.locator('[data-testid="timeline"][aria-busy="false"]').waitFor();
    await page.keyboard.press("t");
    await page.getByRole("table", { name: "What is in view" }).getByText("CPU 0").first().waitFor();
  });

  it.each([
    ["cut.dat", () => trace.subarray(0, 20_000)],
    ["program.dat", () => Buffer.concat([Buffer.from("MZ"), Buffer.alloc(5000)])],
  ])("of what is broken say why, and store nothing: %s", async (name, content) => {
    const before = await hosts();
    await drop(page, name, content());
    const alert = job(name).getByRole("alert");
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(new RegExp(`^${name}: .{10,} \\(.{10,}\\)$`));
    expect(await alert.innerText()).not.toContain(kData);
    expect(await hosts()).toEqual(before);
    expect(uploads()).toEqual([]);
    expect(readdirSync(join(kData!, "hosts"))).not.toContain(name.replace(".dat", ""));
  });

  it("given up while the file is sent leave nothing", async () => {
    const before = await hosts();
    const { held, letThrough } = await hold("UploadPart", 2);
    await drop(page, "sent.dat", Buffer.concat([trace, Buffer.alloc(kPartBytes)]));
    await expect.poll(() => held.length).toBe(1);
    expect(uploads().map((name) => statSync(join(kData!, "uploads", name)).size)).toEqual([kPartBytes]);
    await job("sent.dat").getByRole("button", { name: "Cancel" }).click();
    await job("sent.dat").getByText("given up; nothing of it is on the server").waitFor();
    await letThrough();
    expect(uploads()).toEqual([]);
    expect(await hosts()).toEqual(before);
  });

  it("given up while the server reads leave nothing", async () => {
    const before = await hosts();
    const { held, letThrough } = await hold("FinishImport", 1);
    await drop(page, "read.dat", trace);
    await expect.poll(() => held.length).toBe(1);
    onTestFinished(() => void process.kill(Number(kPid), "SIGCONT"));
    // Stopped as soon as it has begun with the recording: else it would be done before anybody could press a button.
    const stopped = expect
      .poll(() => uploads().some((name) => name.endsWith(".db")) && process.kill(Number(kPid), "SIGSTOP"), {
        interval: 1,
      })
      .toBe(true);
    await letThrough();
    await stopped;
    await job("read.dat").getByText("the server reads it").waitFor();
    await job("read.dat").getByRole("button", { name: "Cancel" }).click();
    process.kill(Number(kPid), "SIGCONT");
    await job("read.dat").getByText("given up; nothing of it is on the server").waitFor();
    await expect.poll(uploads).toEqual([]);
    expect(await hosts()).toEqual(before);
    expect(readdirSync(join(kData!, "hosts"))).not.toContain("read");
  });

  it("go on after a reload of the page where the server has them, when the file is dropped again", async () => {
    const padded = Buffer.concat([trace, Buffer.alloc(kPartBytes)]);
    const { held } = await hold("UploadPart", 2);
    await drop(page, "again.dat", padded);
    await expect.poll(() => held.length).toBe(1);
    const [upload] = uploads();
    await page.reload();
    await page.unroute("**/UploadPart");
    await job("again.dat")
      .getByText(/the page was left when 4\.19.MB of 6\.08.MB were sent/)
      .waitFor();
    expect(uploads()).toEqual([upload]);
    const asked: number[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/UploadPart")) asked.push(request.postDataBuffer()?.length ?? 0);
    });
    await drop(page, "again.dat", padded);
    await page.getByRole("link", { name: "Open the recording of again" }).waitFor();
    // What was there already was not sent again.
    expect(asked.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(padded.length - kPartBytes + 1000);
    expect(uploads()).toEqual([]);
    const events = (await hosts()).filter(({ name }) => name === "again" || name === "whole").map((one) => one.events);
    expect(events[0]).toBe(events[1]);
  });
});
