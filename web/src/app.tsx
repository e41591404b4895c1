import { useEffect, useRef } from "preact/hooks";
import { fleet } from "./api/client";
import { isStale } from "./api/feed";
import { useNow, useStream } from "./api/hooks";
import type { WatchHostsResponse } from "./gen/wakewatch/v1/fleet_pb";
import { DropTarget } from "./import/drop";
import { FindingPage } from "./pages/finding";
import { FindingsPage } from "./pages/findings";
import { FleetPage, UnknownPage } from "./pages/fleet";
import { ImportPage } from "./pages/import";
import { HostPage } from "./pages/host";
import { CheckPage, ProtocolPage } from "./pages/protocol";
import { ProtocolsPage } from "./pages/protocols";
import { ThreadPage } from "./pages/thread";
import { ServerNow } from "./parts/clock";
import { ConnectionMark, LostNote, SaidAbove } from "./parts/feed_note";
import { SignedIn } from "./parts/signed_in";
import { lazyPage } from "./parts/lazy";
import { Shortcuts } from "./parts/shortcuts";
import { ThemeSwitch } from "./parts/theme";
import { Times, TimesSwitch, useTimes } from "./parts/times";
import {
  compareAddress,
  findingsAddress,
  kFleetAddress,
  protocolsAddress,
  sqlAddress,
  useRoute,
  type Page,
} from "./router";
import { kNoHosts, reduceHosts, type Hosts } from "./state/hosts";
import { visible } from "./text/visible";

const ComparePage = lazyPage(() => import("./compare/page").then((module) => module.ComparePage));
const SqlPage = lazyPage(() => import("./sql/sql_page").then((module) => module.SqlPage));
const TimelinePage = lazyPage(() => import("./pages/timeline").then((page) => page.TimelinePage));

function titleOf(page: Page): string {
  switch (page.name) {
    case "fleet":
      return "Fleet";
    case "host":
      return visible(page.host);
    case "thread":
      return `Thread ${page.pid} of ${visible(page.host)}`;
    case "timeline":
      return `Timeline of ${visible(page.host)}`;
    case "findings":
      return "Findings";
    case "finding":
      return `Finding on ${visible(page.host)}`;
    case "protocols":
      return "Protocols";
    case "protocol":
      return `Protocol ${visible(page.protocol)}`;
    case "compare":
      return "Compare";
    case "check":
      return "Check a protocol";
    case "sql":
      return "SQL";
    case "import":
      return "Import";
    case "unknown":
      return "No such page";
  }
}

/** Changes when another page is shown, but not when a page's filters change. */
const pageKey = (page: Page) => JSON.stringify(page);

export function App() {
  const { page, query } = useRoute();
  const main = useRef<HTMLElement>(null);
  // The one stream that is open on every page: it says who is there, what time the server has, and whether it answers.
  const { state: hosts, feed } = useStream<WatchHostsResponse, Hosts>(
    "hosts",
    (signal) => fleet.watchHosts({}, { signal }),
    kNoHosts,
    (now, message, first) => reduceHosts(now, message, first, Date.now()),
  );
  const now = useNow() + hosts.clockOffsetMs;
  const title = titleOf(page);
  const key = pageKey(page);
  const shown = useRef(key);
  useEffect(() => {
    document.title = `${title} – Wakewatch`;
    if (shown.current === key) return;
    shown.current = key;
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [key, title]);
  const times = useTimes(query);
  const fed = { feed, query };
  return (
    <Times.Provider value={times}>
      <ServerNow.Provider value={now}>
        <a
          class="skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault();
            main.current?.focus();
          }}
        >
          Skip to the content
        </a>
        <header class="top">
          <a class="brand" href={kFleetAddress}>
            <img src="/favicon.svg" alt="" width="20" height="20" /> Wakewatch
          </a>
          <nav aria-label="Pages">
            <a
              href={kFleetAddress}
              aria-current={["fleet", "host", "thread", "timeline", "import"].includes(page.name) ? "page" : undefined}
            >
              Fleet
            </a>
            <a href={findingsAddress()} aria-current={page.name.startsWith("finding") ? "page" : undefined}>
              Findings
            </a>
            <a href={compareAddress()} aria-current={page.name === "compare" ? "page" : undefined}>
              Compare
            </a>
            <a
              href={protocolsAddress()}
              aria-current={["protocols", "protocol", "check"].includes(page.name) ? "page" : undefined}
            >
              Protocols
            </a>
            <a href={sqlAddress()} aria-current={page.name === "sql" ? "page" : undefined}>
              SQL
            </a>
          </nav>
          <ConnectionMark feed={feed} />
          <SignedIn feed={feed} />
          <TimesSwitch mode={times} />
          <ThemeSwitch />
          <Shortcuts page={page} />
        </header>
        <DropTarget />
        <main id="main" ref={main} tabIndex={-1}>
          <LostNote feed={feed} />
          <SaidAbove.Provider value={isStale(feed)}>
            {page.name === "fleet" && <FleetPage hosts={hosts} {...fed} />}
            {page.name === "host" && (
              <HostPage key={page.host} name={page.host} tab={page.tab} entry={hosts.byName.get(page.host)} {...fed} />
            )}
            {page.name === "thread" && (
              <ThreadPage key={key} host={page.host} pid={page.pid} entry={hosts.byName.get(page.host)} {...fed} />
            )}
            {page.name === "timeline" && (
              <TimelinePage key={key} host={page.host} entry={hosts.byName.get(page.host)} {...fed} />
            )}
            {page.name === "findings" && <FindingsPage query={query} />}
            {page.name === "finding" && <FindingPage key={key} host={page.host} id={page.id} />}
            {page.name === "protocols" && <ProtocolsPage query={query} />}
            {page.name === "protocol" && <ProtocolPage key={key} name={page.protocol} />}
            {page.name === "check" && <CheckPage />}
            {page.name === "sql" && <SqlPage hosts={hosts} query={query} />}
            {page.name === "compare" && <ComparePage hosts={hosts} query={query} />}
            {page.name === "import" && <ImportPage />}
            {page.name === "unknown" && <UnknownPage path={page.path} />}
          </SaidAbove.Provider>
        </main>
      </ServerNow.Provider>
    </Times.Provider>
  );
}
