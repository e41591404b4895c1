// One headless Chromium that talks to nobody but the server under test.
import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";

export const kChromium = process.env.WAKEWATCH_CHROMIUM ?? "/usr/bin/chromium";

/** For what comes at once, but on a machine that is busy. */
export const kPatienceMs = 300_000;

export function launch(): Promise<Browser> {
  if (!existsSync(kChromium)) throw new Error(`${kChromium} is not there; set WAKEWATCH_CHROMIUM`);
  return chromium.launch({
    executablePath: kChromium,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What must never happen on any page. */
export interface Trouble {
  policy: string[]; // violations of the content security policy
  errors: string[]; // uncaught
  dialogs: string[]; // alert() of a script that came in with the data
}

export const kNoTrouble: Trouble = { policy: [], errors: [], dialogs: [] };

export async function watchTrouble(page: Page): Promise<Trouble> {
  const trouble: Trouble = { policy: [], errors: [], dialogs: [] };
  page.context().setDefaultTimeout(kPatienceMs);
  page.on("console", (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript/i.test(message.text())) trouble.policy.push(message.text());
  });
  page.on("pageerror", (error) => trouble.errors.push(String(error)));
  page.on("dialog", (dialog) => {
    // The browser's own question whether to leave; a test that leaves means to.
    if (dialog.type() === "beforeunload") return void dialog.accept();
    trouble.dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await page.exposeFunction("reportViolation", (text: string) => trouble.policy.push(text));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const report = (window as unknown as { reportViolation(text: string): void }).reportViolation;
      report(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return trouble;
}
