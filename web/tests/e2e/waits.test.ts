// What waits were spent on, and the scheduler's rules: a thread's page, and two tabs of a host, on the mock.
import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { kHostile } from "../mock/data";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";
import { splitTable } from "./target";

const kThread = 9; // ksoftirqd/0

describeOnMock("on the mock", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh));

  const hostAt = (name: string, rest = "") => `${mock.url}/#/host/${encodeURIComponent(name)}${rest}`;
  const main = () => page.locator("main");
  const text = async (of: Locator) => (await of.innerText()).replaceAll("\u202f", " ");
  const rowsOf = (caption: string) => page.getByRole("table", { name: caption }).locator("tbody tr");

  describe("a thread's page", () => {
    it("is led to from the threads, and starts with the worst wakeup", async () => {
      await page.goto(hostAt("build-01", `?sort=pid&pid=${kThread}`));
      await page.getByRole("link", { name: "Its worst wakeups" }).click();
      await page.locator(".wakeup").first().waitFor();
      expect(page.url()).toBe(hostAt("build-01", `/thread/${kThread}`));
      await expect.poll(() => page.title()).toBe(`Thread ${kThread} of build-01 – Wakewatch`);
      expect(await main().getByRole("heading", { level: 2 }).allInnerTexts()).toEqual([
        "Worst wakeups",
        "Where the time went",
        "Latencies",
        "Its delays by cause",
        "Its longest waits",
      ]);
    });

    it("shows each wakeup's latency as what it was spent on, to the nanosecond", async () => {
      await page.goto(hostAt("build-01", `/thread/${kThread}`));
      const wakeups = page.locator(".wakeup");
      await wakeups.nth(2).waitFor();
      expect(await wakeups.count()).toBe(3);
      const sums: bigint[] = [];
      for (let i = 0; i < 3; i++) {
        const one = await splitTable(wakeups.nth(i));
        expect(one.parts.length).toBeGreaterThan(2);
        expect(one.parts.reduce((sum, ns) => sum + ns, 0n)).toBe(one.sum);
        expect(one.says).toBe("Sum = wakeup latency");
        expect(await wakeups.nth(i).locator(".split-part").count()).toBe(one.parts.length);
        sums.push(one.sum);
      }
      expect(sums).toEqual([...sums].sort((a, b) => (a < b ? 1 : -1)));
      const bar = await wakeups.first().getByRole("img").getAttribute("aria-label");
      expect(bar).toMatch(/^Idle exit .*%.*; Higher rank .*%/);
    });

    it("does not hide parts that do not sum to the latency", async () => {
      mock.shortNs = 5n;
      await page.goto(hostAt("build-01", `/thread/${kThread}`));
      await page.locator(".wakeup").first().waitFor();
      const { says } = await splitTable(page.locator(".wakeup").first());
      expect(says.replaceAll("\u202f", " ").trim()).toBe("Sum, 5 ns less than the wakeup latency");
    });

    it("names who was on the CPU, who woke whom, the cause, and the events", async () => {
      await page.goto(hostAt("build-01", `/thread/${kThread}`));
      const [first, second, third] = [0, 1, 2].map((i) => page.locator(".wakeup").nth(i)) as [
        Locator,
        Locator,
        Locator,
      ];
      await third.waitFor();
      const worst = await text(first);
      expect(worst).toMatch(/real-time/);
      expect(worst).toMatch(/<script>alert\(1\)<\/script> 990\s+Higher rank\s+\S+ \S+\s+7\d\.\d %/);
      expect(worst).toContain("several others, each for less");
      expect(worst).toMatch(/Known for .* on the run queue \(9\d\.\d %\)/);
      expect(worst).toMatch(/ksoftirqd\/0 9\s+<script>alert\(1\)<\/script> 812\s+1\s+\+0 ns/);
      expect(worst).toMatch(/812\s+hardirq hrtimer hrtimer_wakeup\s+1\s+−40\.0 µs\s+40\.0 µs/);
      expect(worst).toContain("(affinity known)");
      expect(await first.locator(".evidence tbody tr").allInnerTexts()).toHaveLength(3);
      expect(await first.locator(".evidence td.event").first().innerText()).toContain("sched_waking comm=ksoftirqd/0");
      expect(await text(second)).toMatch(/Woken by\s+a hardirq/);
      const last = await text(third);
      expect(last).toContain("no cause known");
      expect(last).toContain("(affinity assumed)");
      expect(last).toContain("No task: the CPU was idle, or who was on it is not known.");
    });

    it("reads the critical path when it is asked for", async () => {
      await page.goto(hostAt("build-01", `/thread/${kThread}`));
      await page.getByText("Its critical path").first().click();
      const path = rowsOf("Critical path, the oldest segment first");
      await path.nth(2).waitFor();
      expect(await text(path.first())).toMatch(/^−40\.0 µs[\s\S]*slept until woken \(hardirq: irq 24\)/);
      expect(await text(path.nth(2))).toMatch(/waited for the CPU, which <script>.* 990 had for/);
      await main().getByText("The recording has gaps").waitFor();
    });

    it("gives every quantile its n, and says in how many waits the affinity was assumed", async () => {
      await page.goto(hostAt("build-01", `/thread/${kThread}`));
      const figures = page.locator(".figures");
      await figures.locator(".histogram svg rect").first().waitFor();
      const rows = figures.locator("> .sideways table tbody tr");
      const names = ["Wakeup latency", "Delivery", "Run queue", "Preempted", "Excess"];
      expect((await rows.allInnerTexts()).map((row) => /^[A-Z][a-z ]+\t\d/.exec(row)?.[0].slice(0, -2))).toEqual(names);
      expect(await text(figures)).toMatch(/In \d[\d ]* of \d[\d ]* waits it was not known where the thread may run/);
      await figures.getByRole("button", { name: "Excess" }).click();
      await figures.locator('.histogram svg[aria-label^="Excess"]').waitFor();
    });

    it("of a thread that never waited says so", async () => {
      const row = mock.hosts[0]!;
      await page.goto(hostAt(row.name, "?q=cpuhp&sort=pid"));
      await page.getByRole("table", { name: "Threads" }).getByRole("link").first().click();
      await page.getByRole("link", { name: "Its worst wakeups" }).click();
      await main().getByText("No wait after a wakeup was measured.").first().waitFor();
      await main().getByText("No wait after a preemption was measured.").waitFor();
      expect(await page.locator(".wakeup").count()).toBe(0);
    });

    it("of a user task says why it has no worst wakeups", async () => {
      await page.goto(hostAt("build-01", "/thread/1200"));
      await main().getByText("They are told of kernel threads only.").waitFor();
      await main().getByText("only the waits that are as long as its latency threshold").waitFor();
    });

    it("of a PID that nobody had says what the server says", async () => {
      await page.goto(hostAt("build-01", "/thread/999999"));
      await main().getByText("The server gave no thread of this PID").waitFor();
      await main().getByText("there is no thread 999999").waitFor();
    });

    it("says loudly that events were lost, and counts what that voided", async () => {
      await page.goto(hostAt("db-eu-1", `/thread/${kThread}`));
      await page.getByRole("alert").getByText("18 442 events were lost in 7 gaps").waitFor();
      await page.goto(hostAt("build-01", `/thread/${kThread}`));
      await page.locator(".wakeup").first().waitFor();
      expect(await page.getByRole("alert").count()).toBe(0);
      await page.getByRole("combobox", { name: "Recording" }).selectOption("20261120T090000-1");
      await page.getByRole("alert").getByText("Events are missing in 3 gaps of this recording").waitFor();
      expect(page.url()).toContain("recording=20261120T090000-1");
    });

    it("shows a name that attacks as text", async () => {
      for (let pid = 2 + 7 + 5 * 8; pid < 2 + 7 + 5 * 8 + Object.keys(kHostile).length; pid++) {
        await page.goto(hostAt("build-01", `/thread/${pid}`));
        await page.locator(".wakeup").first().waitFor();
        expect(await main().innerText()).not.toContain("\u202e");
        expect(await page.locator("main img, main script, main b, main iframe").count()).toBe(0);
      }
    });
  });

  describe("where the time went", () => {
    const told = () => main().locator("p[role=status]");

    it("of a host, by kind and cause; a bar, a legend, a table that sums up", async () => {
      await page.goto(hostAt("build-01", "/delays"));
      await expect.poll(() => text(told())).toMatch(/^710 waits .* are excess/);
      const rows = rowsOf("Waits by kind and cause");
      expect(await rows.allInnerTexts()).toHaveLength(3);
      expect(await text(rows.first())).toMatch(/^kworker\s+real-time\s+400\s/);
      await page.locator(".whole").getByText("As a table").click();
      const whole = await splitTable(page.locator(".whole"));
      expect(whole.parts.reduce((sum, ns) => sum + ns, 0n)).toBe(whole.sum);
      expect(whole.says).toBe("Sum = latency of all of them");
      expect(await page.locator(".split-legend li").count()).toBe(whole.parts.length);
      await page.getByLabel("Long waits of user tasks too").check();
      await expect.poll(() => text(told())).toMatch(/^740 waits/);
      await page.getByRole("combobox", { name: "By" }).selectOption("thread,cause");
      await rowsOf("Waits by thread and cause").filter({ hasText: "postgres" }).waitFor();
      expect(page.url()).toContain("by=thread%2Ccause");
    });

    it("over a span that the address keeps, and not over one that is none", async () => {
      await page.goto(hostAt("build-01", "/delays"));
      await expect.poll(() => text(told())).toMatch(/^710 waits/);
      await page.getByRole("combobox", { name: "Span" }).selectOption("60");
      await expect.poll(() => text(told())).toMatch(/^71 waits/);
      const last = mock.delaysAsked.at(-1)!.recording!;
      expect(mock.hosts[0]!.watermarkNs - last.sinceNs).toBeGreaterThanOrEqual(60_000_000_000n);
      expect(mock.hosts[0]!.watermarkNs - last.sinceNs).toBeLessThan(90_000_000_000n);
      await page.getByRole("combobox", { name: "Span" }).selectOption("custom");
      await page.getByLabel("from, in seconds").fill("86400.5");
      await page.getByLabel("to, in seconds").fill("86401");
      await page.keyboard.press("Tab");
      await expect.poll(() => mock.delaysAsked.at(-1)!.recording!.untilNs).toBe(86_401_000_000_000n);
      expect(mock.delaysAsked.at(-1)!.recording!.sinceNs).toBe(86_400_500_000_000n);
      await page.reload();
      await expect.poll(() => text(told())).toMatch(/^71 waits/);
      const asked = mock.delaysAsked.length;
      await page.getByLabel("to, in seconds").fill("5");
      await page.keyboard.press("Tab");
      await main().getByText("No span to look at").waitFor();
      await page.getByRole("alert").getByText("The span ends before it begins.").waitFor();
      expect(mock.delaysAsked.length).toBe(asked);
    });

    it("of one thread, by cause", async () => {
      await page.goto(hostAt("build-01", `/thread/${kThread}?span=custom&from=1&to=2`));
      const rows = rowsOf("Waits by cause");
      await rows.nth(2).waitFor();
      expect(await text(rows.first())).toMatch(/^real-time\s+40\s/);
      const waits = rowsOf("The longest waits");
      expect(await text(waits.first())).toMatch(/900 µs\s+300 µs\s+known\s+pile-up\s+woken\s+<script>.* 812\s+0$/);
      expect(await waits.count()).toBe(20);
      await main().getByText("The longest 20 of 100 waits.").waitFor();
      const { filter, groupBy, recording } = mock.delaysAsked.at(-1)!;
      expect([filter?.pids, groupBy.length, recording?.sinceNs]).toEqual([[kThread], 1, 1_000_000_000n]);
    });

    it("says what is empty, unreadable, or not kept", async () => {
      await page.goto(hostAt("edge-7", "/delays"));
      await main().getByText("No wait was measured here.").waitFor();
      await main().getByText("The recording keeps no waits, so its events were analysed for this.").waitFor();
      await page.goto(hostAt("db-eu-1", "/delays"));
      await main().getByText("2 chunks of stored waits could not be read and are left out.").waitFor();
      await page.goto(hostAt("nobody", "/delays"));
      await main().getByText("The server gave no waits").waitFor();
    });
  });

  describe("the scheduler's rules", () => {
    it("have their counts, and a control that is broken is not counted", async () => {
      await page.goto(hostAt("build-01", "/model"));
      const rows = rowsOf("Rules of the scheduler model");
      await rows.nth(2).waitFor();
      expect(await text(main().locator("p[role=status]"))).toMatch(
        /1 rule is broken, in 118 places\. 2 of 2 rules had something to check, together 38 134 times/,
      );
      expect(await text(rows.first())).toMatch(/sleep-until-woken[\s\S]*12 728\s+118\s+1\s+1\s+0$/);
      expect(await text(rows.last())).toMatch(/wwnr\s+control a task is woken only[\s\S]*12 645\s+1 010\s+0\s+0\s+0$/);
    });

    it("open, by the keyboard too, with their explanation and the gravest places first", async () => {
      await page.goto(hostAt("build-01", "/model"));
      const button = page.getByRole("button", { name: "sleep-until-woken" });
      await button.focus();
      await page.keyboard.press("Enter");
      expect(await button.getAttribute("aria-expanded")).toBe("true");
      const rule = page.locator(".rule");
      expect((await rule.locator("p").allInnerTexts()).slice(0, 2)).toEqual([
        "A task that left its run queue comes back by try_to_wake_up() alone, which traces sched_waking.",
        "A break is a switch to a task that sleeps. <img src=x onerror=alert(1)>",
      ]);
      await rule.getByText("50 of 120 places").waitFor();
      expect(await rule.locator(".places tbody tr").count()).toBe(50);
      expect(await text(rule.locator(".places tbody tr").first())).toMatch(
        /^violation\s+0\s+86412\.000000000 s\s+14\s/,
      );
      expect(await rule.getByRole("link", { name: "14", exact: true }).getAttribute("href")).toBe(
        "#/host/build-01/thread/14",
      );
      expect(await page.locator("main img").count()).toBe(0);
      await page.getByRole("button", { name: "wwnr" }).click();
      await main().getByText("A negative control:").waitFor();
      await page.getByRole("button", { name: "run-state" }).click();
      await main().getByText("It was broken nowhere.").waitFor();
    });

    it("say how much loss left undecided", async () => {
      await page.goto(hostAt("db-eu-1", "/model"));
      await main().getByText("7 places are not decidable as loss may be why").waitFor();
    });

    it("of a host that is not there are said to be not there", async () => {
      await page.goto(hostAt("nobody", "/model"));
      await main().getByText("The server gave no rules of the scheduler").waitFor();
    });
  });
});
