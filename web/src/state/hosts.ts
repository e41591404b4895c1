// The fleet as the stream of hosts tells it.
import { HostStatus, type Host, type WatchHostsResponse } from "../gen/wakewatch/v1/fleet_pb";

export interface HostEntry {
  host: Host;
  rates: number[]; // events per second, oldest first, one a message of the last minute or so
}

export interface Hosts {
  byName: ReadonlyMap<string, HostEntry>;
  /** What to add to this computer's clock to get the server's. */
  clockOffsetMs: number;
}

export const kNoHosts: Hosts = { byName: new Map(), clockOffsetMs: 0 };
const kRatesMax = 60;

/** The first message of a connection has every host; a later one those that changed. */
export function reduceHosts(hosts: Hosts, message: WatchHostsResponse, first: boolean, nowMs: number): Hosts {
  const changed = new Map(message.hosts.map((host) => [host.name, host]));
  const byName = new Map<string, HostEntry>();
  if (!first) for (const [name, entry] of hosts.byName) byName.set(name, entry);
  for (const [name, host] of changed) {
    const before = hosts.byName.get(name);
    const rates = [...(before?.rates ?? []), host.eventsPerS].slice(-kRatesMax);
    byName.set(name, { host, rates });
  }
  const clockOffsetMs = message.realNs === 0n ? hosts.clockOffsetMs : Number(message.realNs / 1_000_000n) - nowMs;
  return { byName: new Map([...byName].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))), clockOffsetMs };
}

export interface Totals {
  hosts: number;
  streaming: number;
  eventsPerS: number;
  bytesPerS: number;
  lost: bigint;
  lostUnknown: boolean;
  findings: bigint;
}

export function totals(hosts: Iterable<Host>): Totals {
  const sum: Totals = {
    hosts: 0,
    streaming: 0,
    eventsPerS: 0,
    bytesPerS: 0,
    lost: 0n,
    lostUnknown: false,
    findings: 0n,
  };
  for (const host of hosts) {
    sum.hosts++;
    if (host.status === HostStatus.STREAMING) sum.streaming++;
    sum.eventsPerS += host.eventsPerS;
    sum.bytesPerS += host.bytesPerS;
    sum.lost += host.lostEvents;
    sum.lostUnknown ||= host.lostUnknown;
    sum.findings += host.findings;
  }
  return sum;
}

/** Its collector uses less than it was configured with, to spare the host. */
export function isSteppedDown(host: Host): boolean {
  return host.profileWanted !== "" && host.profile !== host.profileWanted;
}

export function hasLoss(host: Host): boolean {
  return host.lostEvents > 0n || host.lostUnknown || host.gaps > 0n || host.droppedEvents > 0n;
}
