// Addresses of pages. They live behind the '#', so that any server that serves the index page can serve them all.
import { useEffect, useState } from "preact/hooks";

export type HostTab = "threads" | "work" | "softirqs" | "delays" | "model" | "findings";
export const kHostTabs: readonly HostTab[] = ["threads", "work", "softirqs", "delays", "model", "findings"];

export type Page =
  | { name: "fleet" }
  | { name: "host"; host: string; tab: HostTab }
  | { name: "thread"; host: string; pid: number }
  | { name: "timeline"; host: string }
  | { name: "findings" }
  | { name: "finding"; host: string; id: string }
  | { name: "protocols" }
  | { name: "protocol"; protocol: string }
  | { name: "check" }
  | { name: "sql" }
  | { name: "compare" }
  | { name: "import" }
  | { name: "unknown"; path: string };

export interface Route {
  page: Page;
  query: URLSearchParams;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  const parts = path
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
  return { page: pageOf(parts) ?? { name: "unknown", path }, query };
}

function pageOf(parts: (string | undefined)[]): Page | undefined {
  const [head, first, second, third, ...more] = parts;
  if (parts.includes(undefined) || more.length > 0) return undefined;
  if (head === "host" && first !== undefined && second === "thread" && third !== undefined) {
    const pid = pidOf(third);
    return pid === undefined ? undefined : { name: "thread", host: first, pid };
  }
  if (third !== undefined) return undefined;
  if (head === undefined) return { name: "fleet" };
  if (head === "findings" && first === undefined) return { name: "findings" };
  if (head === "protocols" && first === undefined) return { name: "protocols" };
  if (head === "compare" && first === undefined) return { name: "compare" };
  if (head === "check" && first === undefined) return { name: "check" };
  if (head === "sql" && first === undefined) return { name: "sql" };
  if (head === "import" && first === undefined) return { name: "import" };
  if (head === "protocol" && first !== undefined && second === undefined) return { name: "protocol", protocol: first };
  if (head === "finding" && first !== undefined && second !== undefined)
    return { name: "finding", host: first, id: second };
  if (head === "host" && first !== undefined) {
    if (second === "timeline") return { name: "timeline", host: first };
    const tab = (second ?? "threads") as HostTab;
    if (kHostTabs.includes(tab)) return { name: "host", host: first, tab };
  }
  return undefined;
}

/** Of one page only: no sign, no leading zero, nothing that is no pid. */
function pidOf(text: string): number | undefined {
  const pid = Number(text);
  return /^[1-9]\d*$/.test(text) && pid < 2 ** 31 ? pid : undefined;
}

type Query = Record<string, string | number | undefined>;

function withQuery(path: string, query: Query): string {
  const used = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") used.set(key, String(value));
  }
  const text = used.toString();
  return text === "" ? `#${path}` : `#${path}?${text}`;
}

export const kFleetAddress = "#/";

export function hostAddress(host: string, tab: HostTab = "threads", query: Query = {}): string {
  const rest = tab === "threads" ? "" : `/${tab}`;
  return withQuery(`/host/${encodeURIComponent(host)}${rest}`, query);
}

export function threadAddress(host: string, pid: number, query: Query = {}): string {
  return withQuery(`/host/${encodeURIComponent(host)}/thread/${pid}`, query);
}

export function timelineAddress(host: string, query: Query = {}): string {
  return withQuery(`/host/${encodeURIComponent(host)}/timeline`, query);
}

export function findingsAddress(query: Query = {}): string {
  return withQuery("/findings", query);
}

export function findingAddress(host: string, id: string): string {
  return `#/finding/${encodeURIComponent(host)}/${encodeURIComponent(id)}`;
}

export function protocolsAddress(query: Query = {}): string {
  return withQuery("/protocols", query);
}

export function protocolAddress(protocol: string): string {
  return `#/protocol/${encodeURIComponent(protocol)}`;
}

export function compareAddress(query: Query = {}): string {
  return withQuery("/compare", query);
}

export const kCheckAddress = "#/check";
export const kImportAddress = "#/import";

export function sqlAddress(query: Query = {}): string {
  return withQuery("/sql", query);
}

/** Changes the part after '?' of the page that is shown; no new entry in the browser's history. */
export function replaceQuery(changes: Query): void {
  const hash = window.location.hash.replace(/^#/, "") || "/";
  const mark = hash.indexOf("?");
  const query = Object.fromEntries(new URLSearchParams(mark < 0 ? "" : hash.slice(mark + 1)));
  window.history.replaceState(null, "", withQuery(mark < 0 ? hash : hash.slice(0, mark), { ...query, ...changes }));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** An address without '#', typed or linked, leads to the same page where the server answers it with the index page. */
export function adoptPath(): void {
  const { pathname, search, hash } = window.location;
  if (hash === "" && pathname !== "/") window.history.replaceState(null, "", `/#${pathname}${search}`);
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(window.location.hash));
  useEffect(() => {
    const onChange = () => setRoute(parseRoute(window.location.hash));
    window.addEventListener("hashchange", onChange);
    return () => window.removeEventListener("hashchange", onChange);
  }, []);
  return route;
}
