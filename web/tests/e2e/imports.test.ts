// Files go to the server by a button or by dropping them; whatever becomes of them is said on the page.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect, it, onTestFinished } from "vitest";
import { Role } from "../../src/gen/wakewatch/v1/options_pb";
import { kHostile } from "../mock/data";
import type { Mock } from "../mock/server";
import { drop } from "./dropping";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("imports", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh));

  const jobs = () => page.locator(".jobs .job");
  const choose = async (name: string, text: string, host = "") => {
    await page.getByLabel("File", { exact: true }).setInputFiles({ name, mimeType: "", buffer: Buffer.from(text) });
    if (host !== "") await page.getByLabel("Under host").fill(host);
    await page.getByRole("button", { name: "Import", exact: true }).click();
  };
  it("go from the fleet's button to the recording", async () => {
    await page.goto(mock.url);
    await page.getByRole("link", { name: "Import a trace" }).click();
    await choose("My Trace.dat", `trace${"x".repeat(200_000)}`);
    await jobs().getByText("4 321 events".replace(" ", "\u202f")).waitFor();
    await jobs().getByText("EVENTS WERE LOST: 12 events").waitFor();
    await page.getByRole("link", { name: "Open the recording of My-Trace" }).click();
    await page.getByRole("heading", { name: "My-Trace" }).waitFor();
    expect(page.url()).toContain("recording=20261126T030000Z-upload-1");
    expect(mock.imports.uploads.size).toBe(0);
  });

  it("begin where a file is dropped, on any page, and go on while others are looked at", async () => {
    await page.goto(`${mock.url}/#/findings`);
    await page.getByRole("heading", { name: "Findings" }).waitFor();
    await drop(page, "dropped.dat", "trace of mine");
    await jobs().waitFor();
    expect(page.url()).toContain("#/import");
    await page.getByRole("link", { name: "Fleet" }).click();
    await page.getByRole("link", { name: "dropped", exact: true }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "Open the recording of dropped" }).waitFor();
  });

  it("say what is wrong with a file, as text", async () => {
    await page.goto(`${mock.url}/#/import`);
    await choose(`${kHostile.image}.dat`, "no trace at all");
    const alert = jobs().getByRole("alert");
    await alert.getByText("no trace that is read here").waitFor();
    expect(await alert.innerText()).toContain(kHostile.image);
    expect(await page.locator("main img").count()).toBe(0);
    await choose("x.dat", "trace", "build-01");
    await page.getByText('host "build-01" has a collector of its own').waitFor();
    await page.getByRole("button", { name: "Clear what is over" }).click();
    expect(await jobs().count()).toBe(0);
  });

  it("survive a connection that breaks", async () => {
    mock.imports.breaks = 1;
    await page.goto(`${mock.url}/#/import`);
    await choose("again.dat", "trace");
    await page.getByRole("link", { name: "Open the recording of again" }).waitFor();
  });

  it("can be given up by the keyboard, and leave nothing", async () => {
    mock.imports.slow = true;
    await page.goto(`${mock.url}/#/import`);
    await choose("slow.dat", "trace");
    await jobs().getByText("the server reads it").waitFor();
    await choose("next.dat", "trace");
    await jobs().getByText("waits for the one before it").waitFor();
    await jobs().filter({ hasText: "slow.dat" }).getByRole("button", { name: "Cancel" }).focus();
    await page.keyboard.press("Enter");
    await jobs().filter({ hasText: "slow.dat" }).getByText("given up; nothing of it is on the server").waitFor();
    mock.imports.slow = false;
    await page.getByRole("link", { name: "Open the recording of next" }).waitFor();
    expect(mock.hosts.some(({ name }) => name === "slow")).toBe(false);
    expect(mock.imports.uploads.size).toBe(0);
  });

  /** A file of 200 kB whose parts stop on their way to the server after the first two. */
  async function stopHalfWay(name: string): Promise<string> {
    const path = join(mkdtempSync(join(tmpdir(), "wakewatch-import-")), name);
    writeFileSync(path, `trace${"x".repeat(200_000)}`);
    onTestFinished(() => rmSync(dirname(path), { recursive: true }));
    let parts = 0;
    await page.route("**/UploadPart", (route) => (++parts > 2 ? undefined : route.continue()));
    await page.goto(`${mock.url}/#/import`);
    await page.getByLabel("File", { exact: true }).setInputFiles(path);
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await expect.poll(() => [...mock.imports.uploads.values()].map(({ size }) => size)).toEqual([2 << 16]);
    await expect.poll(() => parts).toBe(3);
    return path;
  }
  const reload = async () => {
    const asked: string[] = [];
    page.once("dialog", (dialog) => asked.push(dialog.type()));
    await page.reload();
    await page.unroute("**/UploadPart");
    return asked;
  };

  it("go on after the page was reloaded, when the same file is chosen again", async () => {
    const path = await stopHalfWay("half.dat");
    expect(await reload()).toEqual(["beforeunload"]);
    await jobs()
      .getByText(/the page was left when 13\d.kB of 200.kB were sent/)
      .waitFor();
    await page.getByLabel("File", { exact: true }).setInputFiles(path);
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByRole("link", { name: "Open the recording of half" }).click();
    await page.getByRole("heading", { name: "half" }).waitFor();
    expect(page.url()).toContain("upload-1");
    await page.goto(`${mock.url}/#/import`);
    expect(await reload()).toEqual([]);
    await page.getByRole("heading", { name: "Import a trace" }).waitFor();
    expect(await jobs().count()).toBe(0);
  });

  it("are discarded after a reload, or told to be forgotten by the server", async () => {
    await stopHalfWay("half.dat");
    await reload();
    await jobs().getByRole("button", { name: "Discard" }).click();
    await jobs().getByText("given up; nothing of it is on the server").waitFor();
    expect(mock.imports.uploads.size).toBe(0);
    await page.reload();
    await stopHalfWay("other.dat");
    mock.imports.uploads.clear();
    await reload();
    await jobs().getByText("the server has forgotten it; import it again").waitFor();
  });

  it("end when the page is left while the server reads, which the page says when it is back", async () => {
    mock.imports.slow = true;
    await page.goto(`${mock.url}/#/import`);
    await choose("slow.dat", "trace");
    await jobs().getByText("the server reads it").waitFor();
    expect(await reload()).toEqual(["beforeunload"]);
    await jobs().getByText("left while the server read it").waitFor();
    await expect.poll(() => mock.imports.uploads.size).toBe(0);
    await page.getByRole("button", { name: "Clear what is over" }).click();
    expect(await jobs().count()).toBe(0);
  });

  it("are not offered to who may not", async () => {
    mock.caller.roles = [Role.READ];
    await page.goto(`${mock.url}/#/import`);
    await page.getByText("You may not import here").waitFor();
    expect(await page.getByLabel("File", { exact: true }).count()).toBe(0);
  });
});
