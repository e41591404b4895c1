// The page's state in the address: everything that somebody else must see who is sent it.
import { parseSeconds } from "../state/span";
import { traceTime } from "../text/times";

export type TimeMode = "wall" | "trace" | "start" | "mark";
export const kTimeModes: readonly TimeMode[] = ["wall", "trace", "start", "mark"];

export type Pointed =
  | { kind: "cpu"; cpu: number; atNs: bigint }
  | { kind: "activity"; cpu: number; atNs: bigint }
  | { kind: "thread"; pid: number; atNs: bigint }
  | { kind: "wakeup"; pid: number; atNs: bigint }
  | { kind: "finding"; id: string };

export interface Address {
  startNs: bigint | undefined;
  endNs: bigint | undefined;
  cpus: number[]; // empty: all
  pins: number[];
  selected: Pointed | undefined;
  markNs: bigint | undefined;
  range: { fromNs: bigint; toNs: bigint } | undefined;
  time: TimeMode;
  table: boolean;
  /** How much of a recording that grows is shown, up to where it is. */
  followNs: bigint | undefined;
}

export const kPinsMax = 16;
const kPidMax = 2 ** 31;

function timeOf(text: string | null): bigint | undefined {
  if (text === null || text.trim() === "") return undefined;
  return parseSeconds(text);
}

/** "0,2,8-11"; what is no number is left out. */
export function parseCpus(text: string): number[] {
  const cpus = new Set<number>();
  for (const part of text.split(",")) {
    const [, low, high = low] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part) ?? [];
    if (low === undefined) continue;
    for (let cpu = Number(low); cpu <= Number(high) && cpus.size < 4096; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

export function cpusText(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; i++) {
    let j = i;
    while (cpus[j + 1] === cpus[j]! + 1) j++;
    parts.push(j === i ? String(cpus[i]) : `${cpus[i]}-${cpus[j]}`);
    i = j;
  }
  return parts.join(",");
}

export function parsePins(text: string): number[] {
  const pids = text.split(",").map((part) => (/^\s*[1-9]\d*\s*$/.test(part) ? Number(part) : 0));
  return [...new Set(pids.filter((pid) => pid > 0 && pid < kPidMax))].slice(0, kPinsMax);
}

export function parsePointed(text: string): Pointed | undefined {
  const [, kind, rest] = /^(cpu|activity|thread|wakeup|finding):(.+)$/.exec(text) ?? [];
  if (kind === undefined || rest === undefined) return undefined;
  if (kind === "finding") return { kind, id: rest };
  const [, number, at] = /^(\d{1,10})@(\S+)$/.exec(rest) ?? [];
  const atNs = timeOf(at ?? null);
  if (number === undefined || atNs === undefined) return undefined;
  const of = Number(number);
  if (kind === "cpu" || kind === "activity") return { kind, cpu: of, atNs };
  return of < kPidMax ? { kind: kind as "thread" | "wakeup", pid: of, atNs } : undefined;
}

export function pointedText(pointed: Pointed): string {
  switch (pointed.kind) {
    case "finding":
      return `finding:${pointed.id}`;
    case "cpu":
    case "activity":
      return `${pointed.kind}:${pointed.cpu}@${traceTime(pointed.atNs)}`;
    case "thread":
    case "wakeup":
      return `${pointed.kind}:${pointed.pid}@${traceTime(pointed.atNs)}`;
  }
}

export function parseAddress(query: URLSearchParams): Address {
  const [from, to] = (query.get("range") ?? "").split(",");
  const fromNs = timeOf(from ?? null);
  const toNs = timeOf(to ?? null);
  let startNs = timeOf(query.get("start"));
  let endNs = timeOf(query.get("end"));
  if (startNs !== undefined && endNs !== undefined && endNs <= startNs) startNs = endNs = undefined;
  const time = query.get("time") as TimeMode;
  return {
    startNs,
    endNs,
    cpus: parseCpus(query.get("cpu") ?? ""),
    pins: parsePins(query.get("pin") ?? ""),
    selected: parsePointed(query.get("sel") ?? ""),
    markNs: timeOf(query.get("mark")),
    range: fromNs !== undefined && toNs !== undefined && fromNs < toNs ? { fromNs, toNs } : undefined,
    time: kTimeModes.includes(time) ? time : "wall",
    table: query.get("table") === "1",
    followNs: timeOf(query.get("follow")) || undefined,
  };
}

/** For replaceQuery: what is as if nothing was said is undefined. */
export function queryOf(address: Address): Record<string, string | undefined> {
  const time = (ns: bigint | undefined) => (ns === undefined || ns < 0n ? undefined : traceTime(ns));
  const { range, selected } = address;
  return {
    start: time(address.startNs),
    end: time(address.endNs),
    cpu: cpusText(address.cpus),
    pin: address.pins.join(","),
    sel: selected && pointedText(selected),
    mark: time(address.markNs),
    range: range && `${traceTime(range.fromNs)},${traceTime(range.toNs)}`,
    time: address.time === "wall" ? undefined : address.time,
    table: address.table ? "1" : undefined,
    follow: time(address.followNs),
  };
}
