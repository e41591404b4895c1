// What people say about findings: seen by all, said by who may, and muted groups out of the way.
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { Triage } from "../../src/gen/wakewatch/v1/findings_pb";
import { Role } from "../../src/gen/wakewatch/v1/options_pb";
import { kHostile } from "../mock/data";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("triage", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh), { viewport: { width: 1500, height: 900 } });

  const rows = () => page.locator("table.grid").first().locator("tbody tr:not(.filler)");
  const panel = () => page.getByRole("region", { name: "Triage" });
  const press = (name: string) => panel().getByRole("button", { name, exact: true }).click();
  const first = () => mock.findings[0]!;
  const atFinding = () => page.goto(`${mock.url}/#/finding/${first().host}/${first().id}`);
  const kept = () => mock.triages.kept.get(`${first().host}/${first().groupId}`);

  it("is said on the finding's page, with a name, and can be taken back", async () => {
    await atFinding();
    await panel().getByText("Nobody has said anything").waitFor();
    await panel().getByLabel("Note").fill(`known: ${kHostile.image}`);
    await press("Save the note");
    await panel().getByText(`known: ${kHostile.image}`).locator("visible=true").first().waitFor();
    await panel().getByText("noted").waitFor();
    await press("Mute on this host");
    await panel().getByText("muted", { exact: true }).waitFor();
    await panel().getByText("by ops").waitFor();
    expect(kept()).toMatchObject({ triage: Triage.MUTED, note: `known: ${kHostile.image}` });
    await press("Unmute");
    await panel().getByLabel("Note").fill("");
    await press("Save the note");
    await panel().getByText("Nobody has said anything").waitFor();
    expect(kept()).toBeUndefined();
    expect(await page.locator("main img").count()).toBe(0);
  });

  it("hides groups that are muted, says how many, and shows them when asked", async () => {
    await page.goto(`${mock.url}/#/host/${first().host}/findings?user=1`);
    await rows().first().waitFor();
    const all = await rows().count();
    await rows().first().locator("button.opener").click();
    await press("Mute on this host");
    await page.getByRole("button", { name: "Show 1 muted" }).waitFor();
    await expect.poll(() => rows().count()).toBe(all - 1);
    await page.getByRole("button", { name: "Show 1 muted" }).click();
    await page.getByRole("button", { name: "Hide what is muted" }).waitFor();
    await rows().filter({ hasText: "muted" }).first().waitFor();
    expect(page.url()).toContain("muted=1");
    await page.goto(`${mock.url}/#/host/${first().host}/findings?user=1&view=all`);
    await page.getByRole("button", { name: "Show what is muted" }).waitFor();
  });

  it("is not offered to who may only read, who sees what was said", async () => {
    mock.triages.say(
      { ...first(), $typeName: "wakewatch.v1.FindingAnnotation", triage: Triage.ACKNOWLEDGED, note: "seen" } as never,
      [Role.ADMIN],
    );
    mock.caller.roles = [Role.READ];
    await atFinding();
    await panel().getByText("acknowledged", { exact: true }).waitFor();
    await panel().getByText("seen").waitFor();
    expect(await panel().getByRole("button").count()).toBe(0);
  });

  it("says what the server refuses", async () => {
    await atFinding();
    await panel().getByLabel("Note").fill("x".repeat(4097));
    await panel().getByText("4097 bytes, 4096 are the limit").waitFor();
    await panel().getByLabel("Note").fill("x");
    mock.caller.roles = [Role.READ];
    await press("Acknowledge");
    await panel().getByRole("alert").getByText("role admin").waitFor();
  });

  it("goes with a history of the same group in other recordings and on other hosts", async () => {
    await atFinding();
    const history = page.getByRole("region", { name: "History" });
    await history.getByText("Seen in").waitFor();
    await expect.poll(() => history.locator("tbody tr").count()).toBeGreaterThan(1);
    expect(await history.innerText()).toContain("db-eu-1");
    expect(await history.locator("tr[aria-current]").count()).toBeLessThanOrEqual(1);
    await history.getByText("looked at all 8").waitFor();
    expect(await history.getByRole("button").count()).toBe(0);
  });

  it("says in how many recordings its history looked, and looks at all of them when asked", async () => {
    mock.olderRecordings = 40;
    await atFinding();
    const history = page.getByRole("region", { name: "History" });
    await history.getByText("looked at 24 of 48, the newest").waitFor();
    const before = await history.locator("tbody tr").count();
    await history.getByRole("button", { name: "Look at 24 more" }).click();
    await history.getByText("looked at all 48").waitFor();
    await history.getByText("1 recording could not be read").waitFor();
    expect(await history.locator("tbody tr").count()).toBe(before + 23);
    expect(await history.getByRole("button").count()).toBe(0);
  });
});
