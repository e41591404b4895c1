// What needs a server that can be told what to say: hostile names, thousands of threads, losses, breaks.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BrowserContext, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { kHostile, kOpenIndex } from "../mock/data";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

describeOnMock("on the mock", () => {
  let mock: Mock;
  let context: BrowserContext;
  let page: Page;
  onMock((fresh) => ({ mock, context, page } = fresh));

  const hostAt = (name: string, rest = "") => `${mock.url}/#/host/${encodeURIComponent(name)}${rest}`;
  const rows = () => page.locator("table.grid tbody tr:not(.filler)");
  const main = () => page.locator("main");
  const choice = (name: string) => page.getByRole("combobox", { name, exact: true });

  describe("names that attack", () => {
    it.each<[string, () => string, string[]]>([
      ["the fleet", () => mock.url, [kHostile.image, kHostile.script, "abc\\u{202e}gpj.exe"]],
      ["their own host", () => hostAt(kHostile.image), [kHostile.image, kHostile.script]],
      [
        "threads",
        () => hostAt("build-01", "?sort=-pid"),
        [kHostile.image, kHostile.script, "abc\\u{202e}gpj.exe", kHostile.replaced, kHostile.quotes, kHostile.link],
      ],
      ["work functions", () => hostAt("build-01", "/work"), ["<b>not a function</b>"]],
      ["groups of findings", () => `${mock.url}/#/findings`, [kHostile.image]],
      ["findings", () => `${mock.url}/#/findings?view=all`, [kHostile.image]],
      ["a suspicion", () => `${mock.url}/#/finding/build-01/${mock.findings[kOpenIndex]!.id}`, [kHostile.script]],
      [
        "a finding",
        () => `${mock.url}/#/finding/build-01/${mock.findings[5]!.id}`,
        [kHostile.image, kHostile.script, `comm=${kHostile.image} pid=19`],
      ],
    ])("are text in %s", async (_, address, words) => {
      await page.goto(address());
      for (const word of words) await main().getByText(word).locator("visible=true").first().waitFor();
      expect(await page.locator("main img, main script, main b, main iframe").count()).toBe(0);
      expect(await main().innerText()).not.toContain("\u202e");
      expect(await page.locator("a[href^='javascript']").count()).toBe(0);
    });
  });

  describe("the fleet", () => {
    it("tells each host's state", async () => {
      await page.setViewportSize({ width: 1900, height: 800 });
      await page.goto(mock.url);
      const lossy = rows().filter({ hasText: "db-eu-1" }).first();
      await lossy.waitFor();
      const text = (await lossy.innerText()).replaceAll("\u202f", " ");
      expect(text).toMatch(/streaming[\s\S]*6\.6\.58-rt45[\s\S]*64[\s\S]*light[\s\S]*≥ 18 442[\s\S]*7[\s\S]*31/);
      await main().getByText("Stepped down: it records “light”, configured is “full”").waitFor();
      await main().getByText("chunk of cpu 12: checksum does not match").waitFor();
      await main().getByText("set_ftrace_filter: permission denied").waitFor();
      await rows().filter({ hasText: "edge-7" }).getByText("disconnected").waitFor();
      // Of findings how many are sure, and how bad the worst wait was; nothing where nobody counted.
      expect(text).toMatch(/18.2 ms\s+7\s+2\s+3\s+2\s/);
      expect(await rows().filter({ hasText: "edge-7" }).first().innerText()).toMatch(/–\s+1\s+–\s+–\s+–\s/);
    });

    it("begins with the longest wait of a kernel thread, and leads to a proof that can be shared", async () => {
      await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: mock.url });
      await page.goto(mock.url);
      const worst = mock.findings
        .filter(({ kind }) => kind !== "user")
        .reduce((most, one) => (one.waitedNs > most.waitedNs ? one : most));
      const box = page.getByRole("region", { name: "The longest wait of a kernel thread" });
      expect(await box.innerText()).toContain(`${worst.pid} on ${worst.host} waited longest`);
      await box.getByRole("link", { name: "The proof of it" }).click();
      await page.locator(".evidence tbody tr").first().waitFor();
      await page.getByRole("button", { name: "Copy link" }).click();
      await page.getByText("Copied").waitFor();
      const link = await page.evaluate(() => navigator.clipboard.readText());
      expect(link).toBe(`${mock.url}/#/finding/${worst.host}/${worst.id}`);
    });

    it("shows a host that appears, without a reload", async () => {
      await page.goto(mock.url);
      await rows().first().waitFor();
      mock.hosts.push({ ...mock.hosts[0]!, name: "new-host" });
      await rows().filter({ hasText: "new-host" }).waitFor();
    });

    it("says how to begin when there is no host", async () => {
      mock.hosts.length = 0;
      await page.goto(mock.url);
      await main().getByText("No host has delivered anything yet").waitFor();
    });
  });

  describe("losses", () => {
    it("are a banner that says how many and what follows", async () => {
      await page.goto(hostAt("db-eu-1"));
      const banner = page.getByRole("alert");
      await banner.waitFor();
      const text = (await banner.innerText()).replaceAll("\u202f", " ");
      expect(text).toContain("≥ 18 442 events were lost in 7 gaps");
      expect(text).toContain("dropped 2 048 events");
      expect(text).toContain("unknown");
      expect(text).toContain("never measured");
    });
    it("are no banner where there are none, until there are", async () => {
      await page.goto(hostAt("build-01"));
      await page.locator(".facts").waitFor();
      expect(await page.getByRole("alert").count()).toBe(0);
      mock.hosts[0]!.lostEvents = 1n;
      mock.hosts[0]!.gaps = 1n;
      await page.getByRole("alert").getByText("1 events were lost in 1 gap of").waitFor();
    });
  });

  describe("threads", () => {
    it("by the thousand draw only what is seen, and scroll to the last", async () => {
      await page.goto(hostAt("build-01", "?user=1&sort=pid"));
      await rows().first().waitFor();
      expect(await page.locator("table.grid").getAttribute("aria-rowcount")).toBe("2055");
      expect(await rows().count()).toBeLessThan(100);
      const atTheEnd = async () => {
        await page.locator(".scroller").evaluate((element) => element.scrollTo(0, element.scrollHeight));
        return rows().filter({ hasText: "3199" }).count();
      };
      await expect.poll(atTheEnd).toBeGreaterThan(0);
      expect(await rows().count()).toBeLessThan(100);
    });

    it("are kernel threads only until user tasks are asked for", async () => {
      await page.goto(hostAt("build-01", "?q=postgres"));
      await main().getByText("No thread matches the filter").waitFor();
      await page.getByLabel("User tasks too").check();
      await rows().filter({ hasText: "postgres" }).first().waitFor();
      expect(page.url()).toContain("user=1");
    });

    it("sort by every column, both ways, and keep that in the address", async () => {
      await page.setViewportSize({ width: 1700, height: 800 });
      await page.goto(hostAt("build-01"));
      await rows().first().waitFor();
      const headers = page.locator("thead th[aria-sort]");
      expect(await headers.count()).toBe(17);
      for (let i = 0; i < 17; i++) {
        const header = headers.nth(i);
        const before = await header.getAttribute("aria-sort");
        await header.getByRole("button").click();
        const once = await header.getAttribute("aria-sort");
        expect(once).not.toBe(before);
        await header.getByRole("button").click();
        expect(await header.getAttribute("aria-sort")).not.toBe(once);
      }
      await page.goto(hostAt("build-01", "?sort=pid"));
      await expect.poll(() => rows().first().innerText()).toContain("kthreadd");
      await page.reload();
      await expect.poll(() => rows().first().innerText()).toContain("kthreadd");
    });

    it("leave out what there is no room for, and say so; never what they are sorted by", async () => {
      const titles = () => page.locator("thead th[aria-sort]").allInnerTexts();
      await page.setViewportSize({ width: 1400, height: 800 });
      await page.goto(hostAt("build-01"));
      await main().getByText("No room for On CPU and Censored: the export has them").waitFor();
      expect(await titles()).not.toContain("On CPU");
      const scroller = page.locator(".scroller");
      expect(await scroller.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
      await page.goto(hostAt("build-01", "?sort=-oncpu"));
      await main().getByText("No room for Censored and Voided: the export has them").waitFor();
      expect((await titles()).join()).toContain("On CPU");
      await page.setViewportSize({ width: 1700, height: 800 });
      await main().getByText("No room for").waitFor({ state: "detached" });
      expect(await titles()).toContain("Voided");
    });

    it("change in place", async () => {
      await page.goto(hostAt("build-01", "?sort=pid&q=ksoftirqd"));
      const row = rows().filter({ hasText: "ksoftirqd/0" }).first();
      await row.waitFor();
      await row.evaluate((element) => element.setAttribute("data-seen", "yes"));
      const cell = row.locator("td").nth(2);
      const before = await cell.innerText();
      await expect.poll(() => cell.innerText()).not.toBe(before);
      expect(await row.getAttribute("data-seen")).toBe("yes");
    });

    it("open with the keyboard alone, and their five distributions show", async () => {
      await page.goto(hostAt("build-01", "?sort=pid&q=ksoftirqd/0"));
      const link = rows().first().getByRole("link");
      await link.focus();
      await page.keyboard.press("Enter");
      const detail = page.locator(".detail");
      await detail.locator(".histogram svg rect").first().waitFor();
      for (const part of ["Delivery", "Run queue", "Preempted", "Excess", "Wakeup latency"]) {
        await detail.getByRole("button", { name: part }).click();
        await detail.locator(`.histogram svg[aria-label^="${part}"]`).waitFor();
      }
      await detail.getByText("As a table").click();
      expect(await detail.locator("details table tbody tr").count()).toBeGreaterThan(5);
      await page.keyboard.press("Escape");
      await detail.waitFor({ state: "detached" });
    });
  });

  describe("findings", () => {
    it("are grouped, and a group shows its occurrences", async () => {
      await page.goto(`${mock.url}/#/findings?host=build-01`);
      await main().getByText("12 findings of kernel threads in 6 groups").waitFor();
      const lost = page.locator("tbody tr", { hasText: "check-before-sleep" });
      expect(await lost.innerText()).toMatch(/jbd2[\s\S]*build-01[\s\S]*2[\s\S]*still asleep/);
      await lost.getByRole("button").click();
      await page.locator(".occurrences tbody tr").nth(1).waitFor();
      await page.locator(".occurrences a").first().click();
      await page.locator("article h1", { hasText: "lost-wakeup" }).waitFor();
    });

    it("that are suspicions say why, what /proc said, and when they have ended", async () => {
      const open = mock.findings[kOpenIndex]!;
      await page.goto(`${mock.url}/#/finding/build-01/${open.id}`);
      const mark = page.locator("h1 .open-mark", { hasText: "still asleep" });
      await mark.waitFor();
      expect(await page.locator(".reasons").innerText()).toMatch(
        /Rule[\s\S]*Assumed[\s\S]*Surer with[\s\S]*try_to_wake_up/,
      );
      const said = await page.locator(".snapshots").innerText();
      expect(said).toMatch(/The suspect[\s\S]*S \(sleeping\)[\s\S]*kjournald2\+0x1f0[\s\S]*no answer within 5 s/);
      expect(await page.locator(".evidence a").first().getAttribute("href")).toMatch(
        /^#\/host\/build-01\/timeline\?recording=[^&]+&start=[\d.]+&end=[\d.]+&pin=\d+$/,
      );
      mock.closeFinding(open.id);
      await main().getByText("It was woken by its rescuer.").waitFor();
      await mark.waitFor({ state: "detached" });
    });

    it("arrive without a reload, and those that were missed are told", async () => {
      await page.goto(`${mock.url}/#/findings?view=all`);
      await main().getByText("20 findings").waitFor();
      mock.missed = 5n;
      const made = mock.addFinding(77, "edge-7");
      await page.locator(`a[href$="${made.id}"]`).waitFor();
      await main().getByText("21 findings").waitFor();
      await main().getByText("5 came faster than this page could take them").waitFor();
    });

    it("are filtered, and the address restores the filter", async () => {
      await page.goto(`${mock.url}/#/findings?view=all`);
      await main().getByText("20 findings").waitFor();
      await choice("Host").selectOption("db-eu-1");
      await main().getByText("7 findings").waitFor();
      await choice("Check").selectOption("wakeup-latency");
      await choice("Confidence").selectOption("strong");
      await expect
        .poll(async () => (await rows().count()) < 7 && (await page.locator("td.none").count()) === 0)
        .toBe(true);
      const shown = await rows().count();
      expect(shown).toBeGreaterThan(0);
      for (const text of await rows().allInnerTexts()) {
        expect(text).toMatch(/db-eu-1[\s\S]*(proven|strong)[\s\S]*wakeup-latency/);
      }
      await page.reload();
      await expect.poll(() => rows().count()).toBe(shown);
      expect(await choice("Check").inputValue()).toBe("wakeup-latency");
      await page.getByLabel("PID").fill("1");
      await main().getByText("Nothing was found that matches").waitFor();
    });

    it("of a host are its own", async () => {
      await page.goto(hostAt("edge-7", "/findings?view=all"));
      await main().getByText("1 finding of kernel threads", { exact: true }).waitFor();
      expect(await rows().count()).toBe(1);
    });

    it("open with the story in order, and the id can be copied", async () => {
      await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: mock.url });
      await page.goto(`${mock.url}/#/findings?view=all`);
      const made = mock.findings[2]!;
      await page.locator(`a[href$="${made.id}"]`).click();
      await page.locator("article").waitFor();
      const evidence = await page.locator(".evidence tbody tr").allInnerTexts();
      expect(evidence).toHaveLength(5);
      expect(evidence[0]).toContain("sched_waking");
      expect(evidence[0]).toContain("+0\u202fns");
      expect(evidence[4]).toContain("sched_switch");
      expect(await page.locator(".story .event").count()).toBe(5);
      await page.getByRole("button", { name: "Copy id" }).click();
      await page.getByText("Copied").waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(made.id);
    });

    it("that are not there are said to be not there", async () => {
      await page.goto(`${mock.url}/#/finding/build-01/nothing`);
      await main().getByText("host build-01 has no finding nothing").waitFor();
    });
  });

  describe("breaks", () => {
    it("a cut stream comes back by itself and nothing is lost from the page", async () => {
      await page.goto(hostAt("build-01", "?sort=pid"));
      await rows().first().waitFor();
      mock.refusing = true;
      mock.cut();
      await page.locator(".connection", { hasText: "connection lost" }).waitFor();
      expect(await rows().count()).toBeGreaterThan(10);
      mock.refusing = false;
      await page.locator(".connection", { hasText: "live" }).waitFor();
      await page.locator(".fed.stale").waitFor({ state: "detached" });
    });

    it("a server that is not there is said so, and its coming is noticed", async () => {
      await page.goto(mock.url);
      await rows().first().waitFor();
      await mock.stop();
      await page.locator(".connection", { hasText: "connection lost, retrying" }).waitFor();
      await page.evaluate(() => (window.location.hash = "#/findings"));
      await main().getByText("No connection to the server").waitFor();
      await mock.start();
      await main().getByText("20 findings").waitFor();
      await page.locator(".connection", { hasText: "live" }).waitFor();
    });

    it("a retry can be asked for", async () => {
      await page.goto(mock.url);
      await rows().first().waitFor();
      await mock.stop();
      // A pause so long that it will hardly end by itself before the button is pressed, which then is gone.
      await main()
        .getByText(/retrying in ([5-9]|1\d) s/)
        .first()
        .waitFor();
      const button = page.getByRole("button", { name: "Retry now" }).first();
      await button.waitFor();
      await mock.start();
      const live = page.locator(".connection", { hasText: "live" }).waitFor();
      await Promise.race([button.click().catch(() => undefined), live]);
      await live;
    });
  });

  describe("addresses", () => {
    it("without # lead to the same page", async () => {
      await page.goto(`${mock.url}/host/build-01/softirqs?sort=vector`);
      await rows().filter({ hasText: "NET_RX" }).waitFor();
      expect(page.url()).toBe(`${mock.url}/#/host/build-01/softirqs?sort=vector`);
    });
    it("of nothing say so", async () => {
      await page.goto(`${mock.url}/#/nothing/at/all`);
      await main().getByText("There is no such page").waitFor();
    });
    it("name the page in its title, and going back works", async () => {
      await page.goto(mock.url);
      await rows().filter({ hasText: "build-01" }).getByRole("link").first().click();
      await expect.poll(() => page.title()).toBe("build-01 – Wakewatch");
      await page.goBack();
      await expect.poll(() => page.title()).toBe("Fleet – Wakewatch");
    });
  });

  it("a chosen theme holds after a reload", async () => {
    const dark = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.goto(mock.url);
    await rows().first().waitFor();
    const before = await dark();
    const turn = page.getByRole("button", { name: /^Colours/ });
    await turn.click();
    await turn.click();
    await expect.poll(dark).not.toBe(before);
    await page.reload();
    expect(await dark()).not.toBe(before);
  });

  it("the page is small on the wire", () => {
    const folder = join(mock.folder, "assets");
    const sizes = readdirSync(folder).map((name) => gzipSync(readFileSync(join(folder, name))).length);
    expect(sizes.length).toBeGreaterThan(1);
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(250_000);
  });
});
