// The protocol checker's pages, on the mock.
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { kHostile, kOpenIndex } from "../mock/data";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("protocols on the mock", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh), { viewport: { width: 1400, height: 900 } });

  const main = () => page.locator("main");
  const rows = () => page.locator("table.grid:not(.small) tbody tr");
  const open = (name: string) => page.goto(`${mock.url}/#/protocol/${name}`);

  it("are listed with their verdicts, and those that are not what they expect stand out", async () => {
    await page.goto(mock.url);
    await page.getByRole("link", { name: "Protocols" }).click();
    await main().getByText("3 protocols").waitFor();
    await main().getByText("some verdicts are not known yet").waitFor();
    expect(await rows().filter({ hasText: "kthread_loop" }).innerText()).toMatch(/safe[\s\S]*loses expected safe/);
    expect(await rows().filter({ hasText: "unknown_yet" }).innerText()).toContain("not known yet");
    await main().getByText(kHostile.image).waitFor();
    await page.getByRole("combobox", { name: "Explains" }).selectOption("check-before-sleep");
    await main().getByText("1 protocol", { exact: false }).waitFor();
    await rows().getByRole("link", { name: "kthread_check_before_set" }).click();
    await expect.poll(() => page.title()).toBe("Protocol kthread_check_before_set – Wakewatch");
  });

  it("show the losing run step by step, with the keyboard alone", async () => {
    await open("kthread_check_before_set");
    const steps = page.locator(".sequence .step");
    await steps.nth(4).waitFor();
    expect(await steps.count()).toBe(5);
    expect(await page.locator(".sequence .task").allTextContents()).toEqual(["worker", "waker"]);
    expect(await page.locator(".sequence .wake").count()).toBe(1);
    expect(await page.locator(".sequence .lane.lost .end").textContent()).toBe("waits for ever");
    expect(await page.locator(".sequence .step .dot.silent").count()).toBe(3);
    await steps.first().focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
    const said = page.locator(".step-text");
    await said.getByText("not asleep: nothing to wake, and no event").waitFor();
    expect(await said.innerText()).toMatch(/4\.\s+waker[\s\S]*line 14[\s\S]*reads worker\.state[\s\S]*ttwu\(worker/);
    await steps.nth(4).hover();
    await said.getByText("sched_switch(worker, TASK_INTERRUPTIBLE)").first().waitFor();
    await page.getByText("As a table").click();
    expect(await page.locator("table.steps tbody tr").count()).toBe(5);
  });

  it("are checked under the memory that is chosen, and a safe one has no run", async () => {
    await open("kthread_loop");
    await main().getByText("under TSO").waitFor();
    await page.getByRole("combobox", { name: "Memory" }).selectOption("sc");
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await main().getByText("under SC").waitFor();
    expect(await page.locator(".sequence").count()).toBe(0);
  });

  it("of one's own: an error leads to its line, and is text", async () => {
    await page.goto(`${mock.url}/#/check`);
    const editor = page.getByLabel("The protocol's text");
    await editor.fill("protocol mine;\nflag cond;\nwrong\n");
    await page.getByRole("button", { name: "Check", exact: true }).click();
    const problem = page.getByRole("alert").filter({ hasText: "expected ';'" });
    await problem.waitFor();
    expect(await problem.innerText()).toContain(kHostile.image);
    await problem.getByRole("button", { name: "Go to line 3" }).click();
    const selected = () =>
      editor.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd));
    expect(await selected()).toBe("wrong");
    await editor.fill("protocol busy;\n");
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await page.getByRole("alert").getByText("checks at once").waitFor();
  });

  it("are led to from a finding of their class", async () => {
    const lost = mock.findings[kOpenIndex]!;
    await page.goto(`${mock.url}/#/finding/build-01/${lost.id}`);
    await page.getByRole("link", { name: "How wakeups are lost like this" }).click();
    await expect.poll(() => page.url()).toContain(`/protocols?class=${lost.class}`);
    lost.protocol = "kthread_check_before_set";
    await page.goto(`${mock.url}/#/finding/build-01/${lost.id}`);
    await page.reload();
    await page.getByRole("link", { name: "kthread_check_before_set" }).click();
    await page.locator(".sequence").waitFor();
  });

  it("that are not there are said to be not there", async () => {
    await open("nothing");
    await main().getByText("there is no shipped protocol").waitFor();
  });
});
