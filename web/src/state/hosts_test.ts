import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { HostSchema, HostStatus, WatchHostsResponseSchema } from "../gen/wakewatch/v1/fleet_pb";
import { hasLoss, isSteppedDown, kNoHosts, reduceHosts, totals, type Hosts } from "./hosts";

const host = (init: MessageInitShape<typeof HostSchema>) => create(HostSchema, init);
const message = (names: string[], realNs = 0n, eventsPerS = 1) =>
  create(WatchHostsResponseSchema, { hosts: names.map((name) => ({ name, eventsPerS })), realNs });
const names = (hosts: Hosts) => [...hosts.byName.keys()];

describe("reduceHosts", () => {
  it("keeps what a later message does not name", () => {
    let hosts = reduceHosts(kNoHosts, message(["b", "a"]), true, 0);
    expect(names(hosts)).toEqual(["a", "b"]);
    const before = hosts.byName.get("a");
    hosts = reduceHosts(hosts, message(["c", "b"], 0n, 7), false, 0);
    expect(names(hosts)).toEqual(["a", "b", "c"]);
    expect(hosts.byName.get("a")).toBe(before);
    expect(hosts.byName.get("b")?.host.eventsPerS).toBe(7);
  });

  it("forgets after a reconnection what is gone, and keeps the rates of what is not", () => {
    let hosts = reduceHosts(kNoHosts, message(["a", "b"], 0n, 1), true, 0);
    hosts = reduceHosts(hosts, message(["b"], 0n, 2), true, 0);
    expect(names(hosts)).toEqual(["b"]);
    expect(hosts.byName.get("b")?.rates).toEqual([1, 2]);
  });

  it("keeps a bounded past", () => {
    let hosts = kNoHosts;
    for (let i = 0; i < 200; i++) hosts = reduceHosts(hosts, message(["a"], 0n, i), i === 0, 0);
    expect(hosts.byName.get("a")?.rates).toHaveLength(60);
    expect(hosts.byName.get("a")?.rates.at(-1)).toBe(199);
  });

  it("learns how far this computer's clock is off", () => {
    let hosts = reduceHosts(kNoHosts, message([], 5_000_000_000n), true, 4_000);
    expect(hosts.clockOffsetMs).toBe(1_000);
    hosts = reduceHosts(hosts, message([]), false, 4_500);
    expect(hosts.clockOffsetMs).toBe(1_000);
  });
});

it("totals add up, and one uncounted loss makes the sum a lower bound", () => {
  const sum = totals([
    host({ status: HostStatus.STREAMING, eventsPerS: 10, lostEvents: 5n, findings: 2n }),
    host({ status: HostStatus.ENDED, eventsPerS: 1, lostUnknown: true }),
  ]);
  expect(sum).toEqual({
    hosts: 2,
    streaming: 1,
    eventsPerS: 11,
    bytesPerS: 0,
    lost: 5n,
    lostUnknown: true,
    findings: 2n,
  });
});

it("a profile that nobody configured is not stepped down", () => {
  expect(isSteppedDown(host({ profile: "light", profileWanted: "full" }))).toBe(true);
  expect(isSteppedDown(host({ profile: "full", profileWanted: "full" }))).toBe(false);
  expect(isSteppedDown(host({ profile: "full", profileWanted: "" }))).toBe(false);
});

it.each([
  [{}, false],
  [{ lostEvents: 1n }, true],
  [{ lostUnknown: true }, true],
  [{ gaps: 1n }, true],
  [{ droppedEvents: 1n }, true],
])("loss of %o: %s", (init, loss) => expect(hasLoss(host(init))).toBe(loss));
