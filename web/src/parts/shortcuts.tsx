// Keys that work on every page, and the list of them.
import { useEffect, useRef } from "preact/hooks";
import {
  compareAddress,
  findingsAddress,
  hostAddress,
  kCheckAddress,
  kFleetAddress,
  kImportAddress,
  protocolsAddress,
  sqlAddress,
  timelineAddress,
  type Page,
} from "../router";
import { actionOf, kPlaces } from "../state/shortcuts";

const kPatienceMs = 1500; // between g and the letter

function addressOf(key: string, host: string | undefined): string | undefined {
  switch (key) {
    case "f":
      return kFleetAddress;
    case "i":
      return findingsAddress();
    case "p":
      return protocolsAddress();
    case "k":
      return kCheckAddress;
    case "c":
      return compareAddress();
    case "m":
      return kImportAddress;
    case "q":
      return sqlAddress({ host });
  }
  if (host === undefined) return undefined;
  switch (key) {
    case "h":
      return hostAddress(host);
    case "d":
      return hostAddress(host, "delays");
    case "r":
      return hostAddress(host, "model");
    case "l":
      return timelineAddress(host);
  }
  return undefined;
}

const isTyping = (target: EventTarget | null) =>
  target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;

/** What of a page is filtered: its search, or else the first of its filters. */
function focusFilter(): boolean {
  const main = document.querySelector("main");
  const filter =
    main?.querySelector<HTMLElement>("input[type=search]") ??
    main?.querySelector<HTMLElement>(".toolbar select, .toolbar input");
  filter?.focus();
  if (filter instanceof HTMLInputElement) filter.select();
  return filter !== null && filter !== undefined;
}

export function Shortcuts({ page }: { page: Page }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Of the page, or of the last one that was about a host.
  const host = useRef<string>();
  if ("host" in page) host.current = page.host;
  useEffect(() => {
    let sinceGMs = -Infinity;
    const ignored = (event: KeyboardEvent) =>
      event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open]") !== null;
    // The letter behind g is taken before a page's own keys see it; all else is for the page first.
    const onSecond = (event: KeyboardEvent) => {
      if (performance.now() - sinceGMs > kPatienceMs || event.key === "Shift") return;
      sinceGMs = -Infinity;
      const action = ignored(event) ? undefined : actionOf(event, true);
      const address = action?.kind === "go" ? addressOf(action.key, host.current) : undefined;
      if (address === undefined) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      window.location.hash = address;
    };
    const onKey = (event: KeyboardEvent) => {
      const action = ignored(event) ? undefined : actionOf(event, false);
      if (action === undefined) return;
      if (action.kind === "prefix") sinceGMs = performance.now();
      else if (action.kind === "help") dialog.current?.showModal();
      else if (action.kind === "filter" && !focusFilter()) return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onSecond, true);
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onSecond, true);
      window.removeEventListener("keydown", onKey);
    };
  }, []);
  return (
    <>
      <button
        type="button"
        class="plain help"
        aria-label="Keys"
        title="Keys (?)"
        onClick={() => dialog.current?.showModal()}
      >
        ?
      </button>
      <dialog ref={dialog} class="keys" aria-labelledby="keys-title">
        <h2 id="keys-title">Keys on every page</h2>
        <dl>
          <Key keys={["?"]} words="this list" />
          <Key keys={["/"]} words="the filter of the page" />
          <Key keys={["Esc"]} words="close what is open" />
          {kPlaces.map(({ key, words }) => (
            <Key key={key} keys={["g", key]} words={words} />
          ))}
        </dl>
        <p class="quiet">
          Keys of the host lead to the one that was shown last. The timeline, the SQL editor and the heat map tell their
          own keys.
        </p>
        <form method="dialog">
          <button type="submit" autofocus>
            Close
          </button>
        </form>
      </dialog>
    </>
  );
}

function Key({ keys, words }: { keys: readonly string[]; words: string }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <>
            <kbd>{key}</kbd>{" "}
          </>
        ))}
      </dt>
      <dd>{words}</dd>
    </div>
  );
}
