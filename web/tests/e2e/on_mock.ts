// What browser tests on the mock begin and end with: a mock and a page of its own for each, and no trouble at the end.
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest";
import type { Mock } from "../mock/server";
import { kNoTrouble, launch, watchTrouble, type Trouble } from "./browser";
import { startMock } from "./target";

/** Not where WAKEWATCH_URL names a server. */
export const describeOnMock = describe.skipIf(process.env.WAKEWATCH_URL !== undefined);

export interface Fresh {
  mock: Mock;
  context: BrowserContext;
  page: Page;
}

/** Within a describe; `take` gets what is there for each of its tests. */
export function onMock(take: (fresh: Fresh) => void, options: BrowserContextOptions = {}): void {
  let browser: Browser;
  let mock: Mock;
  let context: BrowserContext;
  let trouble: Trouble;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    mock = await startMock();
    context = await browser.newContext({ viewport: { width: 1400, height: 800 }, ...options });
    const page = await context.newPage();
    trouble = await watchTrouble(page);
    take({ mock, context, page });
  });
  afterEach(async () => {
    await context?.close();
    await mock?.stop();
    expect(trouble).toEqual(kNoTrouble);
  });
}
