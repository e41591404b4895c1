// A made-up world of CPUs: the same at any zoom, from whatever side it is asked. Time is cut into periods; in each, a CPU
// runs one of its own tasks and is idle for the rest. Every run begins with a wakeup, and ends with a sleep.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  GetTimelineDetailResponseSchema,
  GetTimelineResponseSchema,
  ListWaitsResponseSchema,
  TaskState,
  TimelineWork,
  type GetTimelineDetailRequest,
  type GetTimelineDetailResponse,
  type GetTimelineRequest,
  type GetTimelineResponse,
  type ListWaitsResponse,
} from "../../src/gen/wakewatch/v1/analysis_pb";
import type { Host } from "../../src/gen/wakewatch/v1/fleet_pb";
import { spent } from "./waits";

export const kWorldStartNs = 86_352_000_000_000n;
export const kTimelineAsksFromNs = 80_000_000_000_000n;
const kPeriodNs = 400_000n;
const kWakingNs = 40_000n; // in front of a run
const kDeliveredNs = 36_000n;
const kGapEveryNs = 5_000_000_000n;
const kGapNs = 3_000_000n;
const kSlicesMax = 4000;
const kHostile = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "abc\u202egpj.exe"];

interface Run {
  cpu: number;
  startNs: bigint;
  endNs: bigint;
  pid: number;
  comm: string;
}

/** The four tasks of a CPU, by turns that look like chance. PIDs are those of the mock's threads. */
function runOf(cpu: number, period: bigint): Run {
  const hash = (Number(period % 1_000_003n) * 7919 + cpu * 104_729) % 97;
  const which = hash % 4;
  const names = [`ksoftirqd/${cpu}`, `kworker/${cpu}:0`, kHostile[cpu % kHostile.length]!, `app-${cpu}`];
  const pids = [9 + 5 * cpu, 11 + 5 * cpu, 5000 + cpu, 6000 + cpu];
  const startNs = period * kPeriodNs + kWakingNs;
  return {
    cpu,
    startNs,
    endNs: startNs + 60_000n + BigInt(hash) * 2000n,
    pid: pids[which]!,
    comm: names[which]!,
  };
}

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const min = (a: bigint, b: bigint) => (a < b ? a : b);

function gapsOf(host: Host, cpu: number, startNs: bigint, endNs: bigint): { startNs: bigint; endNs: bigint }[] {
  if (host.gaps === 0n) return [];
  const gaps: { startNs: bigint; endNs: bigint }[] = [];
  for (let i = startNs / kGapEveryNs; i * kGapEveryNs < endNs; i++) {
    const from = i * kGapEveryNs + 500_000_000n + BigInt(cpu) * 40_000_000n;
    const [low, high] = [max(from, startNs), min(from + kGapNs, endNs)];
    if (low < high) gaps.push({ startNs: low, endNs: high });
  }
  return gaps;
}

const inGap = (gaps: readonly { startNs: bigint; endNs: bigint }[], ns: bigint) =>
  gaps.some(({ startNs, endNs }) => ns >= startNs && ns < endNs);

function* runsOf(cpu: number, startNs: bigint, endNs: bigint): Generator<Run> {
  for (let period = startNs / kPeriodNs; period * kPeriodNs < endNs; period++) {
    const run = runOf(cpu, period);
    if (run.endNs > startNs && run.startNs < endNs) yield run;
  }
}

function spanOf(request: { startNs: bigint; endNs: bigint }, endNs: bigint): [bigint, bigint] {
  if (request.startNs === 0n && request.endNs === 0n) return [kWorldStartNs, endNs];
  if (request.startNs >= request.endNs) throw new ConnectError("the span is empty", Code.InvalidArgument);
  return [request.startNs, request.endNs];
}

const cpusOf = (host: Host, asked: readonly number[]) =>
  Array.from({ length: host.cpus }, (_, cpu) => cpu).filter((cpu) => asked.length === 0 || asked.includes(cpu));

export function timeline(request: GetTimelineRequest, host: Host): GetTimelineResponse {
  const [startNs, endNs] = spanOf(request, host.watermarkNs);
  const cpus = cpusOf(host, request.cpus);
  const known = { startNs: max(startNs, kWorldStartNs), endNs: min(endNs, host.watermarkNs) };
  const periods = known.endNs > known.startNs ? Number((known.endNs - known.startNs) / kPeriodNs) : 0;
  if (2 * periods * cpus.length <= kSlicesMax)
    return create(GetTimelineResponseSchema, {
      startNs,
      endNs,
      lanes: cpus.map((cpu) => {
        const gaps = gapsOf(host, cpu, startNs, endNs);
        return { cpu, slices: without(gaps, slicesOf(cpu, known.startNs, known.endNs)), gaps };
      }),
    });
  const bins = BigInt(request.binsMax || 1024);
  const binNs = (endNs - startNs - 1n) / bins + 1n;
  const count = Number((endNs - startNs - 1n) / binNs) + 1;
  return create(GetTimelineResponseSchema, {
    startNs,
    endNs: startNs + BigInt(count) * binNs,
    binNs,
    lanes: cpus.map((cpu) => {
      const gaps = gapsOf(host, cpu, startNs, endNs);
      return {
        cpu,
        gaps,
        bins: Array.from({ length: count }, (_, i) => binOf(host, cpu, startNs + BigInt(i) * binNs, binNs, gaps)),
      };
    }),
  });
}

function slicesOf(cpu: number, startNs: bigint, endNs: bigint) {
  const slices: { startNs: bigint; endNs: bigint; pid: number; comm: string; stateAfter: string }[] = [];
  let at = startNs;
  for (const run of runsOf(cpu, startNs, endNs)) {
    const from = max(run.startNs, startNs);
    if (from > at) slices.push({ startNs: at, endNs: from, pid: 0, comm: `swapper/${cpu}`, stateAfter: "R" });
    const to = min(run.endNs, endNs);
    slices.push({ startNs: from, endNs: to, pid: run.pid, comm: run.comm, stateAfter: to === run.endNs ? "S" : "" });
    at = to;
  }
  if (at < endNs) slices.push({ startNs: at, endNs, pid: 0, comm: `swapper/${cpu}`, stateAfter: "" });
  return slices;
}

/** Nobody knows who ran in a gap. */
function without(gaps: ReturnType<typeof gapsOf>, slices: ReturnType<typeof slicesOf>) {
  return gaps.reduce(
    (left, gap) =>
      left.flatMap((one) =>
        one.endNs <= gap.startNs || one.startNs >= gap.endNs
          ? [one]
          : [
              { ...one, endNs: gap.startNs, stateAfter: "" },
              { ...one, startNs: gap.endNs },
            ].filter(({ startNs, endNs }) => startNs < endNs),
      ),
    slices,
  );
}

/** As if every period of it were like its first. */
function binOf(host: Host, cpu: number, startNs: bigint, binNs: bigint, gaps: ReturnType<typeof gapsOf>) {
  if (startNs < kWorldStartNs || startNs >= host.watermarkNs || inGap(gaps, startNs)) return { unknownNs: binNs };
  const run = runOf(cpu, startNs / kPeriodNs);
  const busy = (binNs * (run.endNs - run.startNs)) / kPeriodNs;
  const softirq = busy / 7n;
  const hardirq = busy / 11n;
  const realTime = run.pid >= 6000 ? busy / 2n : 0n;
  return {
    idleNs: binNs - busy,
    fairNs: busy - softirq - hardirq - realTime,
    realTimeNs: realTime,
    softirqNs: softirq,
    hardirqNs: hardirq,
    busiestPid: run.pid,
    switches: Number((2n * binNs) / kPeriodNs),
  };
}

export function timelineDetail(request: GetTimelineDetailRequest, host: Host): GetTimelineDetailResponse {
  const [startNs, endNs] = spanOf(request, host.watermarkNs);
  const cpus = cpusOf(host, request.cpus);
  const most = request.itemsMax || 5000;
  const [from, to] = [max(startNs, kWorldStartNs), min(endNs, host.watermarkNs)];
  const activities = [];
  const wakeups = [];
  for (const cpu of cpus) {
    const gaps = gapsOf(host, cpu, startNs, endNs);
    for (const run of runsOf(cpu, from, to)) {
      if (inGap(gaps, run.startNs)) continue;
      const on = { cpu, pid: run.pid, startSeen: true, endSeen: true };
      activities.push(
        {
          ...on,
          work: TimelineWork.SOFTIRQ,
          name: "NET_RX",
          startNs: run.startNs + 5000n,
          endNs: run.startNs + 40_000n,
        },
        {
          ...on,
          work: TimelineWork.HARDIRQ,
          name: "<b>eth0</b>",
          startNs: run.startNs + 9000n,
          endNs: run.startNs + 20_000n,
        },
      );
      const waker = runOf((cpu + 1) % host.cpus, run.startNs / kPeriodNs);
      wakeups.push({
        wakingNs: run.startNs - kWakingNs,
        wakeupNs: run.startNs - kDeliveredNs,
        pid: run.pid,
        comm: run.comm,
        targetCpu: cpu,
        wakerPid: waker.pid,
        wakerComm: waker.comm,
        wakerCpu: waker.cpu,
        wakerContext: run.pid % 2 === 0 ? "softirq" : "task",
      });
    }
  }
  const byTime = <T extends { startNs: bigint }>(a: T, b: T) => Number(a.startNs - b.startNs);
  const seen = activities.filter((one) => one.endNs > from && one.startNs < to).sort(byTime);
  return create(GetTimelineDetailResponseSchema, {
    startNs,
    endNs,
    activities: seen.length > most ? [] : seen,
    activitiesTooMany: seen.length > most,
    wakeups: wakeups.length > most ? [] : wakeups.sort((a, b) => Number(a.wakingNs - b.wakingNs)),
    wakeupsTooMany: wakeups.length > most,
    lanes: request.pids.map((pid) => statesOf(pid, host, startNs, endNs)),
  });
}

const cpuOf = (pid: number) => (pid >= 6000 ? pid - 6000 : pid >= 5000 ? pid - 5000 : Math.floor((pid - 9) / 5));

function statesOf(pid: number, host: Host, startNs: bigint, endNs: bigint) {
  const cpu = cpuOf(pid);
  const [from, to] = [max(startNs, kWorldStartNs), min(endNs, host.watermarkNs)];
  const spans: { startNs: bigint; endNs: bigint; state: TaskState; cpu: number }[] = [];
  const add = (start: bigint, end: bigint, state: TaskState) => {
    const [low, high] = [max(start, startNs), min(end, endNs)];
    if (low < high) spans.push({ startNs: low, endNs: high, state, cpu });
  };
  const own = cpu >= 0 && cpu < host.cpus ? [...runsOf(cpu, from, to)].filter((run) => run.pid === pid) : [];
  const comm = own[0]?.comm ?? "";
  if (from >= to || own.length === 0) {
    add(startNs, endNs, TaskState.UNSPECIFIED);
    return { pid, comm, spans };
  }
  add(startNs, from, TaskState.UNSPECIFIED);
  const gaps = gapsOf(host, cpu, startNs, endNs);
  let at = from;
  for (const run of own) {
    const waking = max(run.startNs - kWakingNs, from);
    const gap = gaps.find((one) => one.startNs >= at && one.startNs < waking);
    add(at, gap?.startNs ?? waking, TaskState.SLEEPING);
    if (gap !== undefined) add(gap.startNs, waking, TaskState.UNSPECIFIED);
    add(max(at, waking), run.startNs, TaskState.RUNNABLE);
    add(max(run.startNs, from), min(run.endNs, to), TaskState.RUNNING);
    at = min(run.endNs, to);
  }
  add(at, to, TaskState.SLEEPING);
  add(to, endNs, TaskState.UNSPECIFIED);
  return { pid, comm, spans };
}

const inSpan = (ns: bigint, fromNs: bigint, toNs: bigint) => ns >= fromNs && ns < toNs;

/** The waits of that world; a third of each is excess. */
export function worldWaits(
  pids: readonly number[],
  sinceNs: bigint,
  untilNs: bigint,
  host: Host,
  limit: number,
): ListWaitsResponse {
  const all = pids.flatMap((pid) => {
    const cpu = cpuOf(pid);
    if (cpu < 0 || cpu >= host.cpus) return [];
    const gaps = gapsOf(host, cpu, sinceNs, untilNs);
    const [from, to] = [max(sinceNs, kWorldStartNs), min(untilNs, host.watermarkNs)];
    const runs = from < to && to - from < 4_000_000_000n ? [...runsOf(cpu, from, to + kPeriodNs)] : [];
    return runs
      .filter(
        (run) => run.pid === pid && inSpan(run.startNs - kWakingNs, sinceNs, untilNs) && !inGap(gaps, run.startNs),
      )
      .map((run) => ({
        startNs: run.startNs - kWakingNs,
        wakeupNs: run.startNs - kDeliveredNs,
        endNs: run.startNs,
        pid,
        comm: run.comm,
        kind: "kworker",
        cpu,
        wait: "wake",
        wakerPid: runOf((cpu + 1) % host.cpus, run.startNs / kPeriodNs).pid,
        wakerComm: kHostile[0]!,
        wakerContext: "task",
        cause: "pile-up",
        latencyNs: kWakingNs,
        excessNs: kWakingNs / 3n,
        affinityKnown: true,
        hasWaking: true,
        buckets: spent(kWakingNs, cpu),
      }));
  });
  return create(ListWaitsResponseSchema, {
    recording: host.recording,
    watermarkNs: host.watermarkNs,
    waits: all.slice(0, limit || 100),
    waitsTotal: BigInt(all.length),
    stored: true,
  });
}

/** The events of runs of the world, where `sql` asks for a CPU's between two times. */
export function worldEvents(sql: string): { columns: string[]; rows: (bigint | string)[][] } | undefined {
  const [, from, to] = /type, args FROM event WHERE ts BETWEEN (\d+) AND (\d+)/.exec(sql) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const [, cpu = "0"] = /cpu IN \((\d+)/.exec(sql) ?? [];
  const rows = [...runsOf(Number(cpu), BigInt(from), BigInt(to) + 1n)].flatMap((run): (bigint | string)[][] => [
    [
      run.startNs,
      BigInt(run.cpu),
      "sched_switch",
      `prev_pid=0 prev_state=R ==> next_comm=${run.comm} next_pid=${run.pid}`,
    ],
    [
      run.endNs,
      BigInt(run.cpu),
      "sched_switch",
      `prev_comm=${run.comm} prev_pid=${run.pid} prev_state=S ==> next_pid=0`,
    ],
  ]);
  const within = rows.filter(([ts]) => inSpan(ts as bigint, BigInt(from), BigInt(to) + 1n));
  return { columns: ["ts", "cpu", "type", "args"], rows: within };
}
