import { describe, expect, it } from "vitest";
import {
  findingAddress,
  findingsAddress,
  hostAddress,
  parseRoute,
  protocolAddress,
  threadAddress,
  type Page,
} from "./router";

describe("parseRoute", () => {
  it.each<[string, Page]>([
    ["", { name: "fleet" }],
    ["#/", { name: "fleet" }],
    ["#/host/db1", { name: "host", host: "db1", tab: "threads" }],
    ["#/host/db1/work", { name: "host", host: "db1", tab: "work" }],
    ["#/host/db1/nothing", { name: "unknown", path: "/host/db1/nothing" }],
    ["#/host/db1/delays?by=cause", { name: "host", host: "db1", tab: "delays" }],
    ["#/host/db1/model", { name: "host", host: "db1", tab: "model" }],
    ["#/host/db1/model/7", { name: "unknown", path: "/host/db1/model/7" }],
    ["#/host/db1/thread/210", { name: "thread", host: "db1", pid: 210 }],
    ["#/host/db1/thread/210?span=60", { name: "thread", host: "db1", pid: 210 }],
    ["#/host/db1/thread/2147483648", { name: "unknown", path: "/host/db1/thread/2147483648" }],
    ["#/host/db1/thread/0", { name: "unknown", path: "/host/db1/thread/0" }],
    ["#/host/db1/thread/-1", { name: "unknown", path: "/host/db1/thread/-1" }],
    ["#/host/db1/thread/0x10", { name: "unknown", path: "/host/db1/thread/0x10" }],
    ["#/host/db1/thread", { name: "unknown", path: "/host/db1/thread" }],
    ["#/host/db1/thread/210/more", { name: "unknown", path: "/host/db1/thread/210/more" }],
    ["#/host/db1/timeline?start=1&end=2", { name: "timeline", host: "db1" }],
    ["#/host/db1/timeline/7", { name: "unknown", path: "/host/db1/timeline/7" }],
    ["#/host/a%2Fb", { name: "host", host: "a/b", tab: "threads" }],
    ["#/host/%E0%A4%A", { name: "unknown", path: "/host/%E0%A4%A" }],
    ["#/host", { name: "unknown", path: "/host" }],
    ["#/findings?check=lost-wakeup", { name: "findings" }],
    ["#/compare?before=a%2F&after=b%2F", { name: "compare" }],
    ["#/compare/a", { name: "unknown", path: "/compare/a" }],
    ["#/finding/db1/abc", { name: "finding", host: "db1", id: "abc" }],
    ["#/finding/db1", { name: "unknown", path: "/finding/db1" }],
    ["#/protocols?class=kthread-stop", { name: "protocols" }],
    ["#/protocols/x", { name: "unknown", path: "/protocols/x" }],
    ["#/protocol/kthread_loop", { name: "protocol", protocol: "kthread_loop" }],
    ["#/import", { name: "import" }],
    ["#/import/x", { name: "unknown", path: "/import/x" }],
    ["#/protocol", { name: "unknown", path: "/protocol" }],
    ["#/protocol/a/b", { name: "unknown", path: "/protocol/a/b" }],
    ["#/import", { name: "import" }],
    ["#/check", { name: "check" }],
    ["#/check/x", { name: "unknown", path: "/check/x" }],
    ["#/finding/db1/abc/more", { name: "unknown", path: "/finding/db1/abc/more" }],
  ])("%s", (hash, page) => expect(parseRoute(hash).page).toEqual(page));

  it("gives the query", () => expect(parseRoute("#/host/a?pid=14&q=a%26b").query.get("q")).toBe("a&b"));
});

it("addresses lead back to what they were made of, whatever the names hold", () => {
  for (const name of ["db1", "a/b", "?x#y", "100%", "<b>", "日本", "a b"]) {
    expect(parseRoute(hostAddress(name, "work")).page).toEqual({ name: "host", host: name, tab: "work" });
    expect(parseRoute(threadAddress(name, 14)).page).toEqual({ name: "thread", host: name, pid: 14 });
    expect(parseRoute(findingAddress(name, name)).page).toEqual({ name: "finding", host: name, id: name });
    expect(parseRoute(protocolAddress(name)).page).toEqual({ name: "protocol", protocol: name });
    expect(parseRoute(findingsAddress({ host: name, pid: undefined })).query.get("host")).toBe(name);
  }
});
