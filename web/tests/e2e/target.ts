// What the browser tests run against: the server at WAKEWATCH_URL, or else the mock.
import { exec } from "node:child_process";
import { request } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Locator } from "playwright-core";
import { Mock } from "../mock/server";

export interface Target {
  url: string;
  mock?: Mock;
  /** Stops the server, runs `between`, and starts it again; absent where nobody told how (WAKEWATCH_STOP, _START). */
  restart?(between: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export async function startMock(): Promise<Mock> {
  const mock = new Mock(process.env.WAKEWATCH_WEB_OUT ?? join(process.cwd(), "dist"));
  await mock.start(0);
  return mock;
}

export async function openTarget(): Promise<Target> {
  const { WAKEWATCH_URL: url, WAKEWATCH_STOP: stop, WAKEWATCH_START: start } = process.env;
  if (url === undefined) {
    const mock = await startMock();
    const restart = async (between: () => Promise<void>) => {
      await mock.stop();
      await between().finally(() => mock.start());
    };
    return { url: mock.url, mock, restart, close: () => mock.stop() };
  }
  const run = promisify(exec);
  const target: Target = { url: url.replace(/\/$/, ""), close: async () => undefined };
  if (stop !== undefined && start !== undefined) {
    target.restart = async (between) => {
      await run(stop);
      await between().finally(() => run(start));
    };
  }
  return target;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** One request, with headers that fetch would not let through. */
export function ask(url: string, method: string, headers: Record<string, string>, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** A unary call in the JSON that any client may use. */
export async function call(target: Target, method: string, message: object): Promise<Record<string, unknown>> {
  const answer = await ask(
    `${target.url}/wakewatch.v1.${method}`,
    "POST",
    { "Content-Type": "application/json", "Connect-Protocol-Version": "1" },
    JSON.stringify(message),
  );
  if (answer.status !== 200) throw new Error(`${method}: ${answer.status} ${answer.text}`);
  return JSON.parse(answer.text) as Record<string, unknown>;
}

/** A table of what time was spent on, as it stands on the page: the nanoseconds of its parts, and its last line. */
export async function splitTable(within: Locator): Promise<{ parts: bigint[]; sum: bigint; says: string }> {
  const table = within.locator(".split-table").first();
  const numbers = async (rows: string) =>
    (await table.locator(`${rows} td:last-child`).allInnerTexts()).map((text) => BigInt(text.replace(/\s/g, "")));
  const [parts, [sum = -1n]] = [await numbers("tbody tr"), await numbers("tfoot tr")];
  return { parts, sum, says: await table.locator("tfoot th").innerText() };
}
