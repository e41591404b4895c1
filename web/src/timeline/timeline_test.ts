import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  GetTimelineDetailResponseSchema,
  GetTimelineResponseSchema,
  ListWaitsResponseSchema,
  TaskState,
  TimelineWork,
} from "../gen/wakewatch/v1/analysis_pb";
import { assembleActivities, assembleCpu, assembleStates, assembleWakeups, spanAt } from "./assemble";
import { activityAt, cpuItemAt, cpuItems, nearest, pidOf, stepFrom, threadItems, titleOf } from "./items";
import { depthsOf, firstFrom, lastAt, packCpus, packDetail, packWaits, type Spans } from "./lanes";
import { binsFor, blocksInSight, inSight, laneAt, layOut } from "./layout";
import { summarise } from "./range";

const kOrigin = 1_000_000n;
const at = (ns: number) => kOrigin + BigInt(ns);
const spans = (...pairs: [number, number][]): Spans => ({
  from: Float64Array.from(pairs, ([from]) => from),
  to: Float64Array.from(pairs, ([, to]) => to),
});
const slice = (from: number, to: number, pid: number, stateAfter = "S") => ({
  startNs: at(from),
  endNs: at(to),
  pid,
  comm: pid === 0 ? "swapper/0" : `t${pid}`,
  stateAfter,
});
const slices = (start: number, end: number, list: ReturnType<typeof slice>[], gaps: [number, number][] = []) =>
  packCpus(
    create(GetTimelineResponseSchema, {
      startNs: at(start),
      endNs: at(end),
      lanes: [{ cpu: 0, slices: list, gaps: gaps.map(([from, to]) => ({ startNs: at(from), endNs: at(to) })) }],
    }),
    kOrigin,
  );
const bins = (start: number, binNs: number, fair: number[]) =>
  packCpus(
    create(GetTimelineResponseSchema, {
      startNs: at(start),
      endNs: at(start + fair.length * binNs),
      binNs: BigInt(binNs),
      lanes: [
        {
          cpu: 0,
          bins: fair.map((ns, i) => ({
            fairNs: BigInt(ns),
            idleNs: BigInt(binNs - ns),
            busiestPid: i + 1,
            switches: 2,
          })),
        },
      ],
    }),
    kOrigin,
  );
const piece = <T>(value: T, from: number, to: number) => ({ value, from, to });
const named = (comm: string, pid: number) => (pid < 0 ? comm : `${comm} ${pid}`);

describe("spans", () => {
  it("are found by time", () => {
    const some = spans([10, 20], [20, 30], [50, 60]);
    expect([5, 10, 19, 20, 45, 99].map((ns) => lastAt(some.from, ns))).toEqual([-1, 0, 0, 1, 1, 2]);
    expect([5, 15, 30, 55, 60].map((ns) => firstFrom(some, ns))).toEqual([0, 0, 2, 2, 3]);
    expect([5, 15, 35, 59].map((ns) => spanAt(some, ns))).toEqual([-1, 0, -1, 2]);
  });

  it("nest by what they lie in, not deeper than is drawn", () => {
    expect([...depthsOf(spans([0, 100], [10, 50], [20, 30], [25, 28], [60, 70], [100, 110]))]).toEqual([
      0, 1, 2, 2, 1, 0,
    ]);
  });
});

describe("a CPU's lane out of tiles", () => {
  const left = slices(0, 100, [slice(0, 40, 7), slice(40, 100, 9, "")]).lanes.get(0)!;
  const right = slices(100, 200, [slice(100, 130, 9), slice(130, 200, 0, "")], [[150, 160]]).lanes.get(0)!;

  it("has a slice once that an edge cut in two", () => {
    const shown = assembleCpu(0, [piece(left, 0, 100), piece(right, 100, 200)]);
    expect(cpuItems(shown, 0, 200, 99).map(({ kind, from, to }) => [kind, from, to])).toEqual([
      ["slice", 0, 40],
      ["slice", 40, 130],
      ["slice", 130, 200],
      ["gap", 150, 160],
    ]);
    expect(cpuItemAt(shown, 99)).toMatchObject({ pid: 9, from: 40, to: 130, after: "S" });
    expect(cpuItemAt(shown, 155)).toMatchObject({ kind: "slice", pid: 0 });
  });

  it("does not join another task, nor what an edge did not cut", () => {
    const shown = assembleCpu(0, [
      piece(slices(0, 100, [slice(0, 100, 9, "")]).lanes.get(0)!, 0, 100),
      piece(slices(100, 200, [slice(100, 200, 8)]).lanes.get(0)!, 100, 200),
    ]);
    expect(shown.slices.pid).toEqual([9, 8]);
    const same = assembleCpu(0, [piece(slices(0, 100, [slice(0, 50, 9), slice(50, 90, 9)]).lanes.get(0)!, 0, 100)]);
    expect(same.slices.pid).toEqual([9, 9]);
  });

  it("cuts what stands in for a tile to where it is needed", () => {
    const shown = assembleCpu(0, [piece(left, 50, 80)]);
    expect([...shown.slices.from, ...shown.slices.to]).toEqual([50, 80]);
  });

  it("mixes bins and slices", () => {
    const shown = assembleCpu(0, [piece(bins(0, 25, [25, 0, 5, 25]).lanes.get(0)!, 0, 100), piece(right, 100, 200)]);
    const items = cpuItems(shown, 30, 140, 99);
    expect(items.map(({ kind }) => kind)).toEqual(["bin", "bin", "bin", "slice", "slice"]);
    expect(items[0]).toMatchObject({ from: 25, to: 50, busiest: 2, switches: 2 });
    expect(titleOf(items[1]!, named)).toMatch(/^fair tasks 20\.0\s%, idle 80\.0\s%$/);
    expect(cpuItems(shown, 0, 200, 2).length).toBe(2);
  });

  it("is stepped through", () => {
    const items = cpuItems(assembleCpu(0, [piece(left, 0, 100), piece(right, 100, 200)]), 0, 200, 99);
    expect(stepFrom(items, items[0]!, 1)?.from).toBe(40);
    expect(stepFrom(items, items[1]!, -1)?.from).toBe(0);
    expect(stepFrom(items, items[0]!, -1)).toBeUndefined();
    expect(nearest(items, 45)?.from).toBe(40);
    expect(nearest(items.slice(0, 1), 900)?.from).toBe(0);
    expect([items[0]!, items[2]!].map(pidOf)).toEqual([7, undefined]);
  });
});

describe("details", () => {
  const detail = packDetail(
    create(GetTimelineDetailResponseSchema, {
      activities: [
        {
          work: TimelineWork.HARDIRQ,
          cpu: 1,
          startNs: at(10),
          endNs: at(30),
          startSeen: true,
          endSeen: true,
          name: "eth0",
        },
        { work: TimelineWork.SOFTIRQ, cpu: 1, startNs: at(12), endNs: at(100), startSeen: true, name: "NET_RX" },
      ],
      wakeups: [
        { wakingNs: 0n, wakeupNs: at(60), pid: 5, comm: "t5", wakerPid: 0, wakerContext: "hardirq" },
        { wakingNs: at(20), wakeupNs: at(25), pid: 4, comm: "t4", wakerPid: 7, wakerComm: "t7", wakerContext: "task" },
      ],
      lanes: [
        {
          pid: 4,
          comm: "t4",
          spans: [
            { startNs: at(0), endNs: at(20), state: TaskState.SLEEPING },
            { startNs: at(20), endNs: at(100), state: TaskState.RUNNING, cpu: 1 },
          ],
        },
      ],
    }),
    kOrigin,
  );
  const behind = packDetail(
    create(GetTimelineDetailResponseSchema, {
      activities: [
        { work: TimelineWork.SOFTIRQ, cpu: 1, startNs: at(100), endNs: at(140), endSeen: true, name: "NET_RX" },
      ],
      wakeups: [{ wakingNs: at(20), wakeupNs: at(25), pid: 4 }],
      lanes: [{ pid: 4, comm: "t4", spans: [{ startNs: at(100), endNs: at(200), state: TaskState.RUNNING, cpu: 1 }] }],
    }),
    kOrigin,
  );

  it("are packed by CPU and by time", () => {
    expect([...detail.activities.get(1)!.depth]).toEqual([0, 1]);
    expect(detail.wakeups.map(({ from, to }) => [from, to])).toEqual([
      [20, 25],
      [60, 60],
    ]);
    expect(detail.comms.get(4)).toBe("t4");
  });

  it("go on over the edge of a tile", () => {
    const activities = assembleActivities([
      piece(detail.activities.get(1)!, 0, 100),
      piece(behind.activities.get(1)!, 100, 200),
    ]);
    expect([...activities.to]).toEqual([30, 140]);
    expect(activityAt(activities, 1, 20)).toMatchObject({ name: "NET_RX", startSeen: true, endSeen: true });
    expect(activityAt(activities, 1, 20, 0)).toMatchObject({ name: "eth0" });
    expect(activityAt(activities, 1, 150)).toBeUndefined();
    const states = assembleStates([piece(detail.states.get(4)!, 0, 100), piece(behind.states.get(4)!, 100, 200)]);
    expect([...states.to]).toEqual([20, 200]);
    expect(threadItems(4, "t4", states, [], 50, 60, 9)).toMatchObject([{ kind: "state", from: 20, to: 200 }]);
  });

  it("tell a wakeup once, in words", () => {
    const wakeups = assembleWakeups([piece(detail.wakeups, 0, 100), piece(behind.wakeups, 0, 200)]);
    expect(wakeups.length).toBe(2);
    const titles = detail.wakeups.map(({ message }) =>
      titleOf({ kind: "wakeup", from: 0, to: 0, pid: message.pid, wakeup: message }, named),
    );
    expect(titles).toEqual(["t4 4 woken by t7 7", "t5 5 woken by hardirq"]);
  });

  it("show a thread's waits where its states are not known", () => {
    const waits = packWaits(
      create(ListWaitsResponseSchema, {
        waitsTotal: 9n,
        waits: [
          { pid: 4, comm: "t4", startNs: at(500), endNs: at(700), excessNs: 50n },
          { pid: 4, comm: "t4", startNs: at(100), endNs: at(200) },
        ],
      }),
      kOrigin,
    );
    const none = assembleStates([]);
    const items = threadItems(4, "t4", none, waits.byPid.get(4)!, 0, 1000, 9);
    expect(items.map(({ from }) => from)).toEqual([100, 500]);
    expect(titleOf(items[1]!, named)).toMatch(/^waited 200\sns, 50\sns of it excess$/);
    expect([waits.total, waits.listed]).toEqual([9, 2]);
  });
});

describe("a range", () => {
  it("of slices sums up by task and CPU, and what is not told is unknown", () => {
    const tile = slices(0, 100, [slice(0, 40, 7), slice(40, 70, 9), slice(70, 90, 0)]);
    const summary = summarise(tile, 20, 100);
    expect(summary.tasks).toEqual([
      { pid: 9, comm: "t9", ns: 30 },
      { pid: 7, comm: "t7", ns: 20 },
    ]);
    expect(summary.cpus[0]).toEqual({ cpu: 0, uses: [50, 0, 0, 0, 10, 20], switches: 3, exact: false });
    expect([summary.from, summary.to, summary.switches, summary.unknown]).toEqual([20, 100, 3, 10]);
  });

  it("of bins tells the whole bins that were summed", () => {
    const summary = summarise(bins(0, 50, [10, 20]), 20, 80);
    expect(summary).toMatchObject({ from: 0, to: 100, switches: 4, unknown: 0, tasks: [], slices: false });
    expect(summary.cpus[0]!.uses).toEqual([30, 0, 0, 0, 0, 70]);
  });
});

describe("the layout", () => {
  const layout = layOut([9, 12], [0, 1, 2]);
  it("has pinned threads above CPUs, and finds lanes by place", () => {
    expect(layout.lanes.map(({ kind }) => kind)).toEqual(["thread", "thread", "cpu", "cpu", "cpu"]);
    for (const lane of layout.lanes) expect(laneAt(layout, lane.y + 3)).toBe(lane);
    expect(laneAt(layout, layout.height)).toBeUndefined();
    expect(inSight(layout, 40, 30).map(({ y }) => y)).toEqual([34, 68]);
  });

  it("asks for blocks of CPUs that are in sight", () => {
    const cpus = Array.from({ length: 40 }, (_, i) => i * 2);
    expect(blocksInSight([3, 5], [])).toEqual([[3, 5]]);
    expect(blocksInSight([], [])).toEqual([]);
    expect(blocksInSight(cpus, [30, 32]).map((block) => [block[0], block.length])).toEqual([
      [0, 16],
      [32, 16],
    ]);
    expect(blocksInSight(cpus, [78]).map((block) => block[0])).toEqual([64]);
  });

  it.each([
    [1400, 4, 1024],
    [1400, 16, 1024],
    [3000, 2, 2048],
    [3000, 16, 1024],
    [200, 1, 256],
  ])("asks %d px of %d CPUs for %d bins", (width, cpus, wanted) => expect(binsFor(width, cpus)).toBe(wanted));
});
