// What must hold on any server: the mock, or the real one at WAKEWATCH_URL with a host that streams to it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { kExamples } from "../../src/sql/examples";
import { kNoTrouble, launch, watchTrouble, type Trouble } from "./browser";
import { ask, call, openTarget, splitTable, type Target } from "./target";

interface HostJson {
  name: string;
  status?: string;
  lostEvents?: string;
  lostUnknown?: boolean;
  gaps?: string;
  droppedEvents?: string;
}

let target: Target;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let trouble: Trouble;
let streaming: HostJson;

const listHosts = async () => ((await call(target, "FleetService/ListHosts", {}))["hosts"] ?? []) as HostJson[];
interface FindingJson {
  id: string;
  kind: string;
  pid: number;
  evidence: { event: string }[];
}
const listFindings = async (request: object) => {
  const answer = await call(target, "FindingService/ListFindings", request);
  return { total: Number(answer["total"] ?? 0), findings: (answer["findings"] ?? []) as FindingJson[] };
};
const hostPage = (name: string, rest = "") => `${target.url}/#/host/${encodeURIComponent(name)}${rest}`;
const rowsOf = (of: Page) => of.locator("table.grid:not(.small) tbody tr");

beforeAll(async () => {
  target = await openTarget();
  browser = await launch();
  const found = (await listHosts()).find(({ status }) => status === "HOST_STATUS_STREAMING");
  if (found === undefined) throw new Error(`no host streams to ${target.url}: start a collector before these tests`);
  streaming = found;
});
afterAll(async () => {
  await browser?.close();
  await target?.close();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  trouble = await watchTrouble(page);
});
afterEach(async () => {
  await context.close();
  expect(trouble).toEqual(kNoTrouble);
});

describe("real: protocols", () => {
  it("are listed with their verdicts, and a losing run is drawn step by step", async () => {
    await page.goto(`${target.url}/#/protocols`);
    await rowsOf(page).filter({ hasText: "kthread_check_before_set" }).getByRole("link").first().click();
    await page.locator(".sequence .step").nth(3).waitFor();
    expect(await page.locator(".sequence .lane.lost").count()).toBe(1);
    await page.getByLabel("The protocol's text").fill("protocol mine;\nwrong\n");
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await page
      .getByRole("alert")
      .getByText(/line \d/)
      .first()
      .waitFor();
  });
});

describe("real: the fleet", () => {
  it("shows a host that streams, and its rate changes without a reload", async () => {
    await page.goto(target.url);
    const row = rowsOf(page).filter({ hasText: streaming.name }).first();
    await row.getByText("streaming").waitFor();
    const line = row.locator(".spark polyline");
    await line.waitFor({ state: "attached" });
    const points = await line.getAttribute("points");
    await expect.poll(() => line.getAttribute("points")).not.toBe(points);
  });
});

describe("real: a host", () => {
  it("shows its kernel threads", async () => {
    await page.goto(hostPage(streaming.name, "?sort=comm"));
    for (const name of ["ksoftirqd/", "kworker/"]) {
      await page.getByLabel("Filter threads").fill(name);
      await rowsOf(page).filter({ hasText: name }).first().waitFor();
    }
  });

  it("opens a thread's distribution", async () => {
    await page.goto(hostPage(streaming.name, "?sort=-latency.n"));
    await rowsOf(page).first().getByRole("link").click();
    const detail = page.locator(".detail");
    await detail.locator(".histogram svg rect").first().waitFor();
    await page.keyboard.press("Escape");
    await detail.waitFor({ state: "detached" });
  });

  it("shows work functions and softirqs, or says why there are none", async () => {
    for (const tab of ["work", "softirqs"]) {
      await page.goto(hostPage(streaming.name, `/${tab}`));
      await rowsOf(page).first().waitFor();
    }
  });

  it("says loudly that events were lost if and only if they were", async () => {
    for (const host of await listHosts()) {
      const loss = [host.lostEvents, host.gaps, host.droppedEvents].some((n) => Number(n ?? 0) > 0) || host.lostUnknown;
      await page.goto(hostPage(host.name));
      await page.locator(".facts").waitFor();
      expect(await page.locator(".loss").count(), host.name).toBe(loss ? 1 : 0);
    }
  });
});

describe("real: a thread", () => {
  interface ThreadJson {
    pid: number;
    wakeupLatencySumNs?: string;
    assumedAffinity?: string;
  }
  interface WorstJson {
    wakingNs: string;
    inNs: string;
    cause?: string;
    events?: { event: string }[];
  }
  const sumOf = ({ wakeupLatencySumNs }: ThreadJson) => BigInt(wakeupLatencySumNs ?? 0);

  it("shows its worst wakeups, and what each was spent on sums to its latency", async () => {
    // The worst of a host that streams could change meanwhile.
    const hosts = await listHosts();
    const { name } = hosts.find(({ status }) => status !== "HOST_STATUS_STREAMING") ?? streaming;
    const recording = { host: name };
    const listed = (await call(target, "AnalysisService/ListThreads", { recording }))["threads"] as ThreadJson[];
    const late = listed.reduce((a, b) => (sumOf(b) > sumOf(a) ? b : a));
    const answer = await call(target, "AnalysisService/GetThread", { recording, pid: late.pid });
    const threads = answer["threads"] as { summary: ThreadJson; worst?: WorstJson[] }[];
    const worst = threads.flatMap((one) => one.worst ?? []);
    expect(worst.length).toBeGreaterThan(0);

    await page.goto(hostPage(name, `/thread/${late.pid}`));
    const wakeups = page.locator(".wakeup");
    await wakeups.nth(worst.length - 1).waitFor();
    expect(await wakeups.count()).toBe(worst.length);
    for (const [i, one] of worst.entries()) {
      const shown = await splitTable(wakeups.nth(i));
      expect(shown.parts.reduce((sum, ns) => sum + ns, 0n)).toBe(shown.sum);
      expect(shown.sum).toBe(BigInt(one.inNs) - BigInt(one.wakingNs));
      expect(shown.says).toBe("Sum = wakeup latency");
      if (one.cause) expect(await wakeups.nth(i).locator(".cause").innerText()).toBe(one.cause);
    }
    const events = await wakeups.first().locator(".evidence td.event").allInnerTexts();
    expect(events).toEqual((worst[0]!.events ?? []).map(({ event }) => event));
    const whole = await splitTable(page.locator("section > .sides > section").first());
    expect(whole.sum).toBe(sumOf(threads[0]!.summary));
  });

  it("has its delays by cause, which are part of its host's", async (test) => {
    const waits = async (address: string) => {
      await page.goto(address);
      const told = page.locator("main p[role=status]", { hasText: "for a CPU" });
      return Number(/^([\d\s]+) wait/.exec(await told.innerText())?.[1]?.replace(/\s/g, ""));
    };
    const asked = (host: string) => call(target, "AnalysisService/GetDelays", { recording: { host } });
    const kept = await Promise.all((await listHosts()).map(async ({ name }) => ({ name, ...(await asked(name)) })));
    const { name } = kept.find((answer) => "waits" in answer) ?? {};
    if (name === undefined) test.skip("no host has a measured wait");
    await page.goto(hostPage(name!, "/delays?by=thread"));
    const link = rowsOf(page).first().getByRole("link").first();
    const address = `${target.url}/${await link.getAttribute("href")}`;
    const ofHost = await waits(hostPage(name!, "/delays?by=thread"));
    const ofThread = await waits(address);
    expect(ofThread).toBeGreaterThan(0);
    expect(ofThread).toBeLessThanOrEqual(ofHost);
  });
});

describe("real: the scheduler's rules", () => {
  it("are all there, with the counts that the server tells", async () => {
    const { name } = (await listHosts()).find(({ status }) => status !== "HOST_STATUS_STREAMING") ?? streaming;
    const answer = await call(target, "AnalysisService/GetModel", { recording: { host: name } });
    const rules = answer["schedulerRules"] as { name: string; checked?: string }[];
    await page.goto(hostPage(name, "/model"));
    await page.getByRole("button", { name: rules[0]!.name, exact: true }).waitFor();
    expect(await rowsOf(page).count()).toBe(rules.length);
    for (const rule of rules) {
      const row = rowsOf(page).filter({ has: page.getByRole("button", { name: rule.name, exact: true }) });
      expect((await row.locator("td").nth(1).innerText()).replaceAll("\u202f", "")).toBe(rule.checked ?? "0");
    }
  });
});

describe("real: SQL", () => {
  it("runs every example on a recording, and the schema has what they name", async () => {
    const { name } = (await listHosts()).find(({ status }) => status !== "HOST_STATUS_STREAMING") ?? streaming;
    await page.goto(`${target.url}/#/sql?host=${encodeURIComponent(name)}`);
    await page.getByRole("button", { name: "Columns of waits" }).waitFor();
    for (const example of kExamples) {
      await page.getByRole("button", { name: example.name, exact: true }).click();
      await expect.poll(() => page.getByRole("textbox", { name: "Query", exact: true }).inputValue()).toBe(example.sql);
      await page
        .locator(".sql-told, .note.bad")
        .getByText(/rows? in [\d.]+|Compare names/)
        .first()
        .waitFor();
      expect(await page.getByRole("alert").count(), example.name).toBe(0);
      const columns = await page.locator("table.grid thead th").count();
      expect(columns, example.name).toBeGreaterThan(2);
    }
  });
});

describe("real: findings", () => {
  it("are listed, and one opens with its evidence", async (test) => {
    const list = await call(target, "FindingService/ListFindings", { limit: 1 });
    if (Number(list["total"] ?? 0) === 0) test.skip("the server has no finding");
    await page.goto(`${target.url}/#/findings`);
    const first = rowsOf(page).first();
    await first.getByRole("link").click();
    await page.locator("article h1").waitFor();
    expect(await page.locator("article .explanation").innerText()).not.toBe("");
    expect(await page.locator(".evidence tbody tr").count()).toBeGreaterThan(0);
    await page.reload();
    await page.locator("article h1").waitFor();
  });

  it("are those of kernel threads until user tasks are asked for, and one opens with its evidence", async (test) => {
    const totals = async (host: string) => {
      const ask = { host, limit: 1 };
      const [all, kernel] = [await listFindings(ask), await listFindings({ ...ask, kernelOnly: true })];
      return { host, all: all.total, kernel: kernel.total };
    };
    // The totals of a host that streams would change meanwhile.
    const still = (await listHosts()).filter(({ status }) => status !== "HOST_STATUS_STREAMING");
    const some = (await Promise.all(still.map(({ name }) => totals(name)))).find(({ all, kernel }) => all > kernel);
    if (some === undefined) test.skip("no host that stands still has findings of user tasks");
    const { host, all, kernel } = some!;
    expect(kernel).toBeGreaterThan(0);
    await page.goto(`${target.url}/#/findings?host=${encodeURIComponent(host)}`);
    const told = page.locator("main p[role=status]");
    const shown = async () => Number(/(\d+) findings?/.exec((await told.innerText()).replaceAll("\u202f", ""))?.[1]);
    await expect.poll(shown).toBe(kernel);
    await page.getByLabel("User tasks too").check();
    await expect.poll(shown).toBe(all);
    await page.getByLabel("User tasks too").uncheck();
    await expect.poll(shown).toBe(kernel);

    const late = (await listFindings({ host })).findings.find(({ kind }) => kind === "user")!;
    await page.goto(hostPage(host, `?user=1&pid=${late.pid}`));
    await page.locator(".detail").getByRole("link", { name: "Its findings" }).first().click();
    await expect.poll(shown).toBe((await listFindings({ host, pid: late.pid })).total);

    const worst = (await listFindings({ host, kernelOnly: true, worstFirst: true, limit: 1 })).findings[0]!;
    await page.goto(`${target.url}/#/findings?host=${encodeURIComponent(host)}&sort=-waited`);
    await page.locator(`a[href$="${worst.id}"]`).click();
    await page.locator(".evidence tbody tr").first().waitFor();
    const events = await page.locator(".evidence tbody td.event").allInnerTexts();
    expect(events).toEqual(worst.evidence.map(({ event }) => event));
  });
});

describe("real: the timeline", () => {
  const settled = () => page.locator('[data-testid="timeline"][aria-busy="false"]').waitFor();

  it("shows a recording that grows, and how much of each CPU's time went where", async () => {
    await page.goto(hostPage(streaming.name, "/timeline?table=1"));
    await settled();
    const rows = page.getByRole("table", { name: "What is in view" }).locator("tbody tr");
    await rows.filter({ hasText: /CPU 0/ }).first().waitFor();
    await page.getByRole("button", { name: "Follow" }).waitFor();
  });

  it("is led to by a finding, down to the tasks that ran and their events", async (test) => {
    const [found] = (await listFindings({ kernelOnly: true, worstFirst: true, limit: 1 })).findings;
    if (found === undefined) test.skip("there is no finding yet");
    const host = String((found as unknown as { host: string }).host);
    await page.goto(`${target.url}/#/finding/${encodeURIComponent(host)}/${encodeURIComponent(found!.id)}`);
    await page.locator(".evidence tbody a").first().click();
    await settled();
    await page.keyboard.press(".");
    await page.locator(".tl-panel h2").first().waitFor();
    await page.keyboard.press("t");
    const task = page.getByRole("row", { name: /CPU \d+ task/ });
    await task.first().getByRole("button").click();
    const panel = page.getByRole("region", { name: "What is selected" });
    await panel.getByText("Left it as").waitFor();
    await panel.getByText("Raw events").click();
    await panel.locator(".evidence tbody td.event").first().waitFor();
  });
});

describe("real: when the server goes away", () => {
  it("the page says so, keeps what it had, and goes on by itself afterwards", async (test) => {
    if (target.restart === undefined) test.skip("WAKEWATCH_STOP and WAKEWATCH_START are not set");
    await page.goto(hostPage(streaming.name, "?sort=comm&q=ksoftirqd"));
    await rowsOf(page).first().waitFor();
    await target.restart!(async () => {
      await page.locator(".connection", { hasText: "connection lost, retrying" }).waitFor();
      await page.getByText("What you see is as of").waitFor();
      expect(await rowsOf(page).count()).toBeGreaterThan(0);
      await page.locator(".fed.stale").waitFor();
    });
    await page.locator(".connection", { hasText: "live" }).waitFor();
    await page.locator(".fed.stale").waitFor({ state: "detached" });
    await rowsOf(page).first().waitFor();
  });
});

describe("real: security", () => {
  it("the pages come under a policy without inline script and style, and no page breaks it", async () => {
    const { headers } = await ask(target.url, "GET", {});
    const policy = String(headers["content-security-policy"] ?? "");
    expect(policy).toMatch(/script-src 'self'|default-src 'self'/);
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|\*/);
    for (const address of ["/", "/#/findings", "/#/nothing"]) {
      await page.goto(target.url + address);
      await page.locator("main h1, main h2").first().waitFor();
    }
    for (const tab of ["", "/work", "/softirqs", "/delays", "/model", "/findings"]) {
      await page.goto(hostPage(streaming.name, tab));
      await rowsOf(page).first().waitFor();
    }
  });

  it("the watch for violations can see one", async () => {
    await page.goto(target.url);
    await page.evaluate(() => {
      const image = new Image();
      image.src = "http://127.0.0.2:9/x.png";
      document.body.append(image);
    });
    // Once by the console and once by the event.
    await expect.poll(() => trouble.policy.length).toBe(2);
    trouble.policy.length = 0;
  });

  it("a call from a page of another origin is refused", async () => {
    const json = { "Content-Type": "application/json", "Connect-Protocol-Version": "1" };
    const method = `${target.url}/wakewatch.v1.FleetService/ListHosts`;
    const foreign = await ask(method, "POST", { ...json, Origin: "http://evil.example" }, "{}");
    expect(foreign.status).toBe(403);
    expect(foreign.text).not.toContain(streaming.name);
    const own = await ask(method, "POST", { ...json, Origin: target.url }, "{}");
    expect(own.status).toBe(200);
  });

  it("the page's own scripts may call, and a browser that shows another origin's page is refused", async () => {
    const method = `${target.url}/wakewatch.v1.FleetService/ListHosts`;
    const post = (type: string) =>
      page.evaluate(
        async ({ url, headers }) => {
          const answer = await fetch(url, { method: "POST", headers, body: "{}" }).catch(() => undefined);
          return answer === undefined ? "nothing" : `${answer.status} ${await answer.text()}`;
        },
        { url: method, headers: { "Content-Type": type } },
      );
    await page.goto(target.url);
    expect(await post("application/json")).toMatch(/^200 .*hosts/);

    const other = createServer((_, response) =>
      response.setHeader("Content-Type", "text/html").end('<link rel="icon" href="data:,"><p>other</p>'),
    );
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    try {
      await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
      // Answers that the browser keeps from a page are told only here.
      const statuses: number[] = [];
      const network = await context.newCDPSession(page);
      network.on("Network.responseReceivedExtraInfo", ({ statusCode }) => statuses.push(statusCode));
      await network.send("Network.enable");
      // JSON needs the server's leave first; plain text a browser sends at once.
      for (const type of ["application/json", "text/plain"]) expect(await post(type)).toBe("nothing");
      await expect.poll(() => statuses).toEqual([403, 403]);
    } finally {
      other.close();
      other.closeAllConnections();
    }
  });
});
