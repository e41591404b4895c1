// Who is signed in, and what a page says when that has ended.
import type { BrowserContext, Page } from "playwright-core";
import { expect, it } from "vitest";
import { Role } from "../../src/gen/wakewatch/v1/options_pb";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("signing in", () => {
  let mock: Mock;
  let context: BrowserContext;
  let page: Page;
  onMock((fresh) => ({ mock, context, page } = fresh));

  const banner = () => page.locator("header.top");

  it("shows nothing where nobody is asked", async () => {
    await page.goto(mock.url);
    await banner().getByText("live").waitFor();
    expect(await banner().getByText(/sign/i).count()).toBe(0);
  });

  it("shows who it is and what that token may, and signs out", async () => {
    mock.caller = { name: "night-shift", roles: [Role.READ], signedIn: true };
    await page.goto(mock.url);
    await banner().getByText("night-shift").waitFor();
    expect(await banner().locator(".caller").getAttribute("title")).toBe("May read");
    await banner().getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "A token, please" }).waitFor();
    expect(page.url()).toBe(`${mock.url}/login`);
    expect(mock.signedOut).toBe(true);
  });

  it("a token that a program adds cannot be signed out", async () => {
    mock.caller = { name: "proxy", roles: [Role.READ], signedIn: false };
    await page.goto(mock.url);
    await banner().getByText("proxy").waitFor();
    expect(
      await banner()
        .getByRole("button", { name: /Sign out/ })
        .count(),
    ).toBe(0);
  });

  it("an open page whose session has ended says so, and goes on after signing in again", async () => {
    mock.caller = { name: "me", roles: [Role.READ], signedIn: true };
    await page.goto(`${mock.url}/#/host/build-01`);
    await banner().getByText("signed in as me").waitFor();
    mock.signedOut = true;
    mock.cut();
    await banner().getByText("signed out").waitFor();
    const note = page.locator(".note.bad");
    await note.getByText("You are signed out").waitFor();
    expect(await note.innerText()).not.toContain("refused");
    const [tab] = await Promise.all([
      context.waitForEvent("page"),
      note.getByRole("link", { name: "Sign in again" }).click(),
    ]);
    await tab.getByRole("heading", { name: "A token, please" }).waitFor();
    expect(new URL(tab.url()).pathname).toBe("/login");
    mock.signedOut = false;
    mock.caller = { name: "colleague", roles: [Role.READ], signedIn: true };
    await tab.close();
    await banner().getByText("colleague").waitFor();
    expect(await page.locator(".note.bad").count()).toBe(0);
    expect(page.url()).toBe(`${mock.url}/#/host/build-01`);
  });

  it("a page that is opened without a session says how to get one", async () => {
    mock.signedOut = true;
    await page.goto(mock.url);
    await page.getByRole("heading", { name: "Sign in to see this" }).waitFor();
    expect(await banner().getByRole("link", { name: "Sign in" }).getAttribute("href")).toBe("/login");
  });
});
