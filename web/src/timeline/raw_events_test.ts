import { describe, expect, it } from "vitest";
import { findEvents, kRowsMax, queryFor, type Ask, type Value } from "./raw_events";

/** Parts of an event each millisecond of their time, from and to; those of [0, 0] are empty. */
function recording(spans: readonly (readonly [number, number])[]) {
  const asked: string[] = [];
  const ask: Ask = async (of, sql) => {
    const part = of === 0 ? spans.length : of;
    const [from, to] = spans[part - 1]!;
    const all = to === 0 ? [] : Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const wanted = /BETWEEN (\d+) AND (\d+)/.exec(sql);
    asked.push(`${wanted === null ? "span" : "events"} ${part}`);
    const end = { part, parts: spans.length };
    if (wanted === null) return { ...end, rows: [[all[0], all.at(-1)].map((ms) => ms?.toString())], truncated: false };
    const within = all.filter((ms) => ms >= Number(wanted[1]) && ms <= Number(wanted[2]));
    const rows = within.slice(0, kRowsMax).map((ms): Value[] => [BigInt(ms), 2, "sched_switch", "x=1"]);
    return { ...end, rows, truncated: false };
  };
  return { ask, asked };
}

const times = async (spans: readonly (readonly [number, number])[], from: bigint, to: bigint) =>
  (await findEvents(recording(spans).ask, from, to, [])).events.map(({ tsNs }) => Number(tsNs));

describe("findEvents", () => {
  it("asks once where there is one part", async () => {
    const { ask, asked } = recording([[1, 9]]);
    expect(await findEvents(ask, 3n, 4n, [2])).toEqual({
      events: [
        { cpu: 2, tsNs: 3n, event: "sched_switch x=1" },
        { cpu: 2, tsNs: 4n, event: "sched_switch x=1" },
      ],
      truncated: false,
    });
    expect(asked).toEqual(["events 1"]);
  });

  it("finds the part among a thousand in a few questions", async () => {
    const { ask, asked } = recording(Array.from({ length: 1000 }, (_, i) => [i * 10 + 1, i * 10 + 10] as const));
    expect((await findEvents(ask, 123n, 124n, [])).events.map(({ tsNs }) => tsNs)).toEqual([123n, 124n]);
    expect(asked.length).toBeLessThan(16);
  });

  it.each<[string, (readonly [number, number])[], bigint, bigint, number[]]>([
    ["in the oldest", [[1, 3], [4, 6], [7, 9]], 2n, 2n, [2]], // prettier-ignore
    ["in the newest", [[1, 3], [4, 6], [7, 9]], 8n, 8n, [8]], // prettier-ignore
    ["over an end", [[1, 3], [4, 6], [7, 9]], 3n, 4n, [3, 4]], // prettier-ignore
    ["over all", [[1, 3], [4, 6], [7, 9]], 1n, 9n, [1, 2, 3, 4, 5, 6, 7, 8, 9]], // prettier-ignore
    ["between two", [[1, 3], [6, 9]], 4n, 5n, []], // prettier-ignore
    ["behind the newest", [[1, 3], [6, 9]], 10n, 12n, []], // prettier-ignore
    ["where CPUs end at other times", [[1, 5], [4, 9]], 4n, 5n, [4, 4, 5, 5]], // prettier-ignore
    ["beside a part that is empty", [[1, 3], [0, 0], [4, 6], [0, 0]], 3n, 4n, [3, 4]], // prettier-ignore
  ])("reads what is %s", async (_, spans, from, to, found) => {
    expect(await times(spans, from, to)).toEqual(found);
  });

  it("takes the first, and says that there are more", async () => {
    const { events, truncated } = await findEvents(recording([[1, 40], [41, 90]]).ask, 1n, 90n, []); // prettier-ignore
    expect([events.length, events[0]?.tsNs, events.at(-1)?.tsNs, truncated]).toEqual([kRowsMax, 1n, 60n, true]);
  });
});

describe("queryFor", () => {
  it("takes numbers only", () => {
    expect(queryFor(1n, 2n, [3, 4.5])).toContain("ts BETWEEN 1 AND 2 AND cpu IN (3, 4)");
    expect(queryFor(1n, 2n, [])).not.toContain("cpu IN");
  });
});
