// The timeline on the mock's made-up world: by keys, by mouse, as a table, and as an address that somebody else opens.
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { Mock } from "../mock/server";
import { describeOnMock, onMock } from "./on_mock";

const kAt = "start=86400.000000000&end=86400.004000000"; // ten periods of the world
const kNear = "start=86400.000000000&end=86400.000800000";

describeOnMock("the timeline", () => {
  let mock: Mock;
  let page: Page;
  onMock((fresh) => ({ mock, page } = fresh), { viewport: { width: 1400, height: 900 } });

  const at = (rest = "", host = "edge-7") => `${mock.url}/#/host/${encodeURIComponent(host)}/timeline${rest}`;
  const stage = () => page.getByTestId("timeline");
  const lanes = () => page.getByRole("application", { name: "Lanes of the timeline" });
  const chosen = async () => (await page.getByTestId("timeline-chosen").textContent())!.replaceAll("\u202f", " ");
  const panel = () => page.getByRole("region", { name: "What is selected" });
  const query = () => new URLSearchParams(new URL(page.url()).hash.split("?")[1] ?? "");
  const seconds = (name: string) => Number(query().get(name));
  const span = () => seconds("end") - seconds("start");
  /** The address follows when the page rests. */
  const eventually = <T>(read: () => T) => expect.poll(read);
  /** What the address says once it does not change any more, and says what is in view. */
  const rested = async () => {
    const hint = page.locator("#tl-hint");
    for (let before = "", same = 0; same < 3;) {
      const now = page.url() + (await hint.innerText());
      same = now === before ? same + 1 : 0;
      before = now;
      await page.waitForTimeout(400);
    }
    return { start: seconds("start"), span: span() };
  };
  /** Everything that is in view came and was drawn. */
  const settled = () => page.locator('[data-testid="timeline"][aria-busy="false"]').waitFor();
  const open = async (rest: string, host?: string) => {
    await page.goto(at(rest, host));
    await settled();
  };

  it("is led to from the host's page, and asks for no more than a screen of bins", async () => {
    await page.goto(`${mock.url}/#/host/build-01`);
    await page.getByRole("link", { name: "Timeline" }).click();
    await settled();
    await eventually(() => page.title()).toBe("Timeline of build-01 – Wakewatch");
    expect(Math.max(...mock.timelinesAsked.map(({ binsMax }) => binsMax))).toBeLessThanOrEqual(2048);
  });

  describe("by keys", () => {
    it("zooms with W and S, moves with A and D, and the address follows", async () => {
      await open(`?${kAt}`);
      await page.keyboard.press("w");
      await eventually(span).toBeLessThan(0.0039);
      const near = await rested();
      await page.keyboard.press("d");
      await eventually(() => seconds("start")).toBeGreaterThan(near.start);
      const right = await rested();
      expect(right.span).toBeCloseTo(near.span, 8);
      await page.keyboard.press("a");
      await eventually(() => seconds("start")).toBeLessThan(right.start);
      await rested();
      await page.keyboard.press("s");
      await eventually(span).toBeGreaterThan(near.span);
    });

    it("goes on while a key is held, and by steps for who asked for less motion", async () => {
      await open(`?${kAt}`);
      await page.keyboard.down("w");
      await page.locator("#tl-hint", { hasText: /^\s*(1(\.\d+)?\sms|[\d.]+\sµs) from/ }).waitFor();
      await page.keyboard.up("w");
      await eventually(span).toBeLessThan(0.002);
      const still = (await rested()).span;
      await page.emulateMedia({ reducedMotion: "reduce" });
      await page.keyboard.press("s");
      await eventually(span).toBeGreaterThan(still * 1.5);
      expect((await rested()).span).toBeLessThan(still * 4);
    });

    it("chooses slices with . and , and says them", async () => {
      await open(`?${kNear}&sel=cpu:0@86400.000045000`);
      await eventually(chosen).toMatch(/^CPU 0: .+, \d{3} µs from /);
      const first = await chosen();
      await page.keyboard.press(".");
      await eventually(chosen).toMatch(/^CPU 0: idle/);
      await page.keyboard.press(".");
      await eventually(chosen).not.toMatch(/idle/);
      await page.keyboard.press(",");
      await page.keyboard.press(",");
      await eventually(chosen).toBe(first);
      await lanes().focus();
      await page.keyboard.press("ArrowDown");
      await eventually(chosen).toMatch(/^CPU 1: /);
      await page.keyboard.press("Escape");
      await eventually(chosen).toBe("");
      await page.getByText("Nothing is selected").waitFor();
    });

    it("does nothing while somebody types", async () => {
      await open(`?${kAt}`);
      await page.getByLabel("CPUs, such as").fill("1,w");
      await page.keyboard.press("w");
      await page.waitForTimeout(400);
      expect(span()).toBeCloseTo(0.004, 9);
      await page.keyboard.press("Tab");
      await eventually(() => query().get("cpu")).toBe("1");
      await settled();
      expect(mock.timelinesAsked.at(-1)!.cpus).toEqual([1]);
    });

    it("fits a selection, marks, and shows times since the mark", async () => {
      await open(`?${kAt}&sel=cpu:0@86400.000045000`);
      await eventually(chosen).toMatch(/^CPU 0/);
      await page.keyboard.press("m");
      await eventually(() => query().get("mark")).toBe("86400.000040000");
      await page.keyboard.press("f");
      await eventually(span).toBeLessThan(0.0005);
      await page.getByLabel("Ruler").selectOption("since the mark");
      await eventually(chosen).toMatch(/ from \+0\.000000000 s$/);
      await eventually(() => query().get("time")).toBe("mark");
      await page.keyboard.press("Home");
      await eventually(() => query().has("start")).toBe(false);
    });

    it("lists the keys with ?, and gives the focus back", async () => {
      await open(`?${kAt}`);
      await lanes().focus();
      await page.keyboard.press("?");
      const help = page.getByRole("dialog", { name: "Keys of the timeline" });
      await help.getByText("zoom in and out").waitFor();
      await page.keyboard.press("w");
      await page.keyboard.press("Escape");
      await help.waitFor({ state: "detached" });
      expect(await lanes().evaluate((element) => element === document.activeElement)).toBe(true);
      expect(span()).toBeCloseTo(0.004, 9);
    });

    it.each(["/", "Control+p"])("finds a thread with %s and pins it", async (key) => {
      await open(`?${kAt}`);
      await page.keyboard.press(key);
      const search = page.getByRole("combobox", { name: "Part of its name" });
      await search.fill("KSOFTIRQD/1");
      await page.getByRole("option", { name: "ksoftirqd/1" }).waitFor();
      await page.keyboard.press("Enter");
      await eventually(() => query().get("pin")).toBe("14");
      await page.getByRole("list", { name: "Pinned threads" }).getByText("ksoftirqd/1").waitFor();
      await page.getByRole("button", { name: "Unpin ksoftirqd/1 14" }).click();
      await eventually(() => query().has("pin")).toBe(false);
    });
  });

  describe("as an address", () => {
    it("shows a colleague the same", async () => {
      const rest =
        `?start=86400.000100000&end=86400.003300000&cpu=0-2&pin=5001&sel=cpu%3A0%4086400.000840000` +
        `&mark=86400.001000000&range=86400.001000000%2C86400.002000000&time=trace&table=1`;
      await open(rest);
      await panel().getByText("86400.000840000 s").waitFor();
      await page.waitForTimeout(600);
      const shared = new URLSearchParams(rest.slice(1));
      for (const [name, value] of shared) if (name !== "sel") expect([name, query().get(name)]).toEqual([name, value]);
      await page.getByRole("table", { name: "What is in view" }).waitFor();
      await page.getByRole("region", { name: "The range" }).getByText("Range of 1.00").waitFor();
    });

    it("is adopted when it changes under the page", async () => {
      await open(`?${kAt}`);
      await page.evaluate(() => {
        window.location.hash = window.location.hash.replace(/start=[\d.]+&end=[\d.]+/, "start=86401&end=86401.1");
      });
      await page.getByText("100 ms from").waitFor();
      await settled();
    });

    it.each(["start=9&end=5", "start=x&cpu=a&pin=-1&sel=cpu:1&range=1", "pin=%3Cscript%3E&sel=%3Cimg%3E"])(
      "that says %s is taken for the whole",
      async (bad) => {
        await open(`?${bad}`);
        await page.getByText("Nothing is selected").waitFor();
        expect(await page.locator("main img").count()).toBe(0);
      },
    );

    it("comes from a late wait, a finding and its evidence", async () => {
      await page.goto(`${mock.url}/#/host/edge-7/thread/9`);
      const link = page.locator(".wakeup").first().getByRole("link", { name: "Show on the timeline" });
      expect(await link.getAttribute("href")).toMatch(
        /^#\/host\/edge-7\/timeline\?start=[\d.]+&end=[\d.]+&pin=9&sel=thread/,
      );
      const finding = mock.findings[0]!;
      await page.goto(`${mock.url}/#/finding/${finding.host}/${finding.id}`);
      await page.getByRole("link", { name: "Show on the timeline" }).click();
      await settled();
      await eventually(chosen).toContain(`finding: ${finding.check}`);
      expect(query().get("pin")).toBe(String(finding.pid));
    });
  });

  describe("with the mouse", () => {
    const place = async (share: number, y: number) => {
      const box = (await stage().boundingBox())!;
      return { x: box.x + 132 + (box.width - 134) * share, y: box.y + y };
    };
    const kLaneY = 72 + 8; // of the first CPU

    it("selects a slice, with its raw events", async () => {
      await open(`?${kNear}`);
      const { x, y } = await place(0.06, kLaneY);
      await page.mouse.click(x, y);
      await panel().getByRole("heading", { name: "A task on a CPU" }).waitFor();
      await panel().getByText("Raw events").click();
      const events = page.getByRole("table", { name: "Raw events" }).locator("tbody tr");
      await events.nth(1).waitFor();
      expect(await events.first().innerText()).toMatch(/sched_switch prev_pid=0/);
      expect(await page.locator("main img, main b").count()).toBe(0);
    });

    it("selects what ran beside a task, and a wakeup with what its delay was spent on", async () => {
      await open(`?${kNear}`);
      const beside = await place(0.07, 72 + 25);
      await page.mouse.click(beside.x, beside.y);
      await panel().getByText("softirq", { exact: true }).waitFor();
      await panel().getByText("NET_RX").waitFor();
      await open(`?${kNear}&table=1`);
      await page
        .getByRole("row", { name: /woken by/ })
        .first()
        .getByRole("button")
        .click();
      await panel().getByText("Delivered after").waitFor();
      await panel()
        .getByRole("heading", { name: /^Waited 40\.0 µs/ })
        .waitFor();
      await panel().getByText("Its critical path").click();
      await page.getByRole("table", { name: /^Critical path/ }).waitFor();
    });

    it("tells what is under it in one line, until Escape, and nothing while it drags", async () => {
      await open(`?${kAt}&pin=5000`);
      const tip = page.getByTestId("timeline-tip");
      const words = async () => ((await tip.isVisible()) ? (await tip.innerText()).replaceAll("\u202f", " ") : "");
      const seen = new Set<string>();
      const sweep = async () => {
        for (let share = 0.05; share < 0.95; share += 0.02) {
          const over = await place(share, kLaneY);
          await page.mouse.move(over.x, over.y);
          await page.waitForTimeout(40);
          seen.add(await words());
        }
        return [...seen].join("\n");
      };
      await expect.poll(sweep).toMatch(/^.+ 5000: sleeping, (at least )?[\d.]+ [mµ]s$/m);
      await expect.poll(sweep).toMatch(/^.+ 5000: running on CPU 0, [\d.]+ µs$/m);
      expect([...seen].join("\n")).not.toContain("<img");
      const { x, y } = await place(0.5, kLaneY);
      await page.mouse.move(x, y);
      await eventually(words).not.toBe("");
      await page.keyboard.press("Escape");
      await eventually(words).toBe("");
      await page.mouse.move(x + 3, y);
      await eventually(words).not.toBe("");
      await page.mouse.down();
      await page.mouse.move(x + 40, y, { steps: 3 });
      await eventually(words).toBe("");
      await page.mouse.up();
      await page.mouse.move(5, 5);
      await eventually(words).toBe("");
    });

    it("chooses a range by a drag in the ruler, and sums it up", async () => {
      await open(`?${kAt}`);
      const [from, to] = [await place(0.25, 44), await place(0.75, 44)];
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move((from.x + to.x) / 2, to.y, { steps: 4 });
      await page.mouse.move(to.x, to.y, { steps: 4 });
      await page.mouse.up();
      await expect
        .poll(() => query().get("range"))
        .toMatch(/^86400\.0009[89]\d+,86400\.00(29|30)\d+$|^86400\.001\d+,86400\.00(29|30)\d+$/);
      const range = page.getByRole("region", { name: "The range" });
      await range.getByText(/\d+ switches\./).waitFor();
      await range.getByText(/^\d+ wakeups\.$/).waitFor();
      const uses = range.getByRole("table", { name: "Use of each CPU" }).locator("tbody tr");
      await eventually(() => uses.count()).toBe(4);
      const tasks = range.getByRole("table", { name: "Time of each task" });
      await tasks.getByRole("button").first().click();
      await eventually(() => query().get("pin")).toMatch(/^\d+$/);
      expect(await range.getByText("Incomplete").count()).toBe(0);
      await page.keyboard.press("Escape");
      await range.waitFor({ state: "detached" });
      await open("?start=86400.496&end=86400.506&cpu=0-1&range=86400.497,86400.505", "db-eu-1");
      await range.getByText(/Incomplete: of [\d.]+.ms of 16.*nothing is known/).waitFor();
    });

    it("chooses a range by Shift and a drag in the lanes, moves by a drag, and zooms with Ctrl and the wheel", async () => {
      await open(`?${kAt}`);
      const [from, to] = [await place(0.6, kLaneY), await place(0.3, kLaneY)];
      const drag = async () => {
        await page.mouse.move(from.x, from.y);
        await page.mouse.down();
        await page.mouse.move(to.x, to.y, { steps: 6 });
        await page.mouse.up();
      };
      await page.keyboard.down("Shift");
      await drag();
      await page.keyboard.up("Shift");
      await page.getByRole("region", { name: "The range" }).waitFor();
      expect(seconds("start")).toBeCloseTo(86_400, 6);
      await drag();
      await eventually(() => seconds("start")).toBeCloseTo(86_400.0012, 4);
      const before = span();
      await page.keyboard.down("Control");
      await page.mouse.wheel(0, -200);
      await page.keyboard.up("Control");
      await eventually(span).toBeLessThan(before * 0.7);
    });
  });

  describe("as a table", () => {
    it("has what is in view, by the keyboard alone", async () => {
      await open(`?${kNear}&cpu=0`);
      await page.keyboard.press("t");
      const rows = page.getByRole("table", { name: "What is in view" }).locator("tbody tr");
      await rows.nth(3).waitFor();
      const texts = (await rows.allInnerTexts()).map((text) => text.replaceAll("\u202f", " "));
      expect(texts.filter((text) => /\btask\b/.test(text)).length).toBeGreaterThanOrEqual(4);
      expect(texts.some((text) => /wakeup\s+.+ \d+ woken by/.test(text))).toBe(true);
      await rows.nth(1).getByRole("button").focus();
      await page.keyboard.press("Enter");
      await eventually(chosen).toMatch(/ from /);
      await page.getByRole("combobox", { name: "Lane" }).selectOption("CPU 0");
      await page.keyboard.press("Escape");
      await eventually(() => query().get("table")).toBe("1");
    });

    it("has bins from afar, and gaps", async () => {
      await open("?start=86400.496&end=86400.506&cpu=0-1&table=1", "db-eu-1");
      const table = page.getByRole("table", { name: "What is in view" });
      await table.getByText("lost events").first().waitFor();
      await open("?start=86380&end=86400&cpu=0-1&table=1", "db-eu-1");
      await table
        .getByText(/fair tasks \d/)
        .first()
        .waitFor();
    });
  });

  it("shows a thread's states, and what a wait was spent on", async () => {
    const rest = `?${kAt}&pin=5000`;
    await open(`${rest}&table=1`);
    await page.getByRole("combobox", { name: "Lane" }).selectOption({ index: 1 });
    const runnable = page.getByRole("row", { name: /runnable/ }).first();
    await runnable.getByRole("button").click();
    await panel()
      .getByRole("heading", { name: /^State of a thread/ })
      .waitFor();
    await panel()
      .getByRole("heading", { name: /^Waited 40\.0 µs 13\.3 µs of it excess/ })
      .waitFor();
  });

  it("says so where a server does not tell details, and does not go on asking", async () => {
    mock.detailRefused = true;
    await open(`?${kAt}&pin=9`);
    await page
      .getByText("Interrupts, wakeups and states of threads are not shown: there is no RPC of this name")
      .waitFor();
  });

  it("follows a recording that grows until it is moved by hand", async () => {
    await page.goto(at("?start=86411.0&end=86411.01", "build-01"));
    await settled();
    await page.getByRole("button", { name: "Follow" }).click();
    await eventually(() => query().get("follow")).toBe("0.010000000");
    const from = page.locator("#tl-hint");
    const before = await from.innerText();
    await eventually(() => from.innerText()).not.toBe(before);
    await page.keyboard.press("a");
    await eventually(() => query().has("follow")).toBe(false);
  });

  it("says what keeps it from being shown", async () => {
    await page.goto(at("", "nobody"));
    await page.getByText("The server gave no timeline").waitFor();
  });
});
