// Made-up waits. What they were spent on sums to their latency, as the server's does.
import { create } from "@bufbuild/protobuf";
import {
  DelayBucketsSchema,
  DelayKey,
  GetChainResponseSchema,
  GetDelaysResponseSchema,
  ListWaitsResponseSchema,
  WorstWaitSchema,
  type DelayBuckets,
  type GetChainRequest,
  type GetChainResponse,
  type GetDelaysRequest,
  type GetDelaysResponse,
  type ListWaitsRequest,
  type ListWaitsResponse,
  type ThreadSummary,
  type WorstWait,
} from "../../src/gen/wakewatch/v1/analysis_pb";
import { RecordingSchema, type Host, type Recording } from "../../src/gen/wakewatch/v1/fleet_pb";
import { kBuckets } from "../../src/state/buckets";

const kHostileName = "<script>alert(1)</script>";
const kWaitedNs = 86_400_000_000_000n; // of the trace clock

/** The whole of `ns`, split by a pattern that differs by seed; some buckets stay empty. */
export function spent(ns: bigint, seed: number): DelayBuckets {
  const made = create(DelayBucketsSchema, {});
  let rest = ns;
  kBuckets.forEach(({ key }, i) => {
    if (i === 4 || (i + seed) % 3 === 0) return;
    const part = rest / BigInt(2 + ((i * 7 + seed) % 5));
    made[key] = part;
    rest -= part;
  });
  made.higherNs = rest;
  return made;
}

/** The three longest waits of a thread that was ever woken; their parts are short of the latency by `shortNs`. */
export function worst(thread: ThreadSummary, shortNs: bigint): WorstWait[] {
  const longest = thread.wakeupLatency?.maxNs ?? 0n;
  if (longest === 0n) return [];
  return [0n, 1n, 2n].map((i) => {
    const latency = longest - i * (longest / 5n);
    const waking = kWaitedNs + BigInt(thread.pid) * 10_000_019n + i * 3_000_000_000n;
    const wakeup = waking + latency / 50n;
    const end = waking + latency;
    const named = `comm=${thread.comm} pid=${thread.pid}`;
    return create(WorstWaitSchema, {
      wakingNs: waking,
      wakeupNs: wakeup,
      inNs: end,
      cpu: 3,
      ...(i === 1n
        ? { wakerPid: -1, wakerContext: "hardirq" }
        : { wakerPid: 812, wakerComm: kHostileName, wakerContext: "task" }),
      buckets: spent(latency - shortNs, Number(i)),
      cause: ["real-time", "irq-off", ""][Number(i)]!,
      excessNs: i === 0n ? latency / 2n : 0n,
      affinityKnown: i === 0n,
      competitors:
        i === 2n
          ? []
          : [
              { pid: 990, comm: kHostileName, bucket: "higher", ns: (latency * 3n) / 4n },
              { pid: -1, comm: "", bucket: "equal", ns: latency / 100n },
            ],
      competitorsOfNs: i === 2n ? 0n : (latency * 9n) / 10n,
      events: [
        { cpu: 1, tsNs: waking, event: `sched_waking ${named} prio=120 target_cpu=3` },
        { cpu: 3, tsNs: wakeup, event: `sched_wakeup ${named} prio=120 target_cpu=3` },
        { cpu: 3, tsNs: end, event: `sched_switch prev_comm=cyclictest prev_pid=990 next_${named}` },
      ],
      chain: [
        { pid: 812, comm: kHostileName, context: "task", cpu: 1, wakingNs: waking, inNs: end },
        { context: "hardirq", source: "hrtimer hrtimer_wakeup", cpu: 1, wakingNs: waking - 40_000n, inNs: waking - 9n },
      ],
    });
  });
}

const kRows: [string, string, bigint][] = [
  ["kworker", "real-time", 400n],
  ["kworker", "pile-up", 250n],
  ["ksoftirqd", "softirq", 60n],
  ["user", "pile-up", 30n],
];

/** A span has a tenth of the waits; edge-7 has none, and its recording keeps none; db-eu-1 has damaged chunks. */
export function delays(request: GetDelaysRequest, host: Host): GetDelaysResponse {
  const keys = new Set(request.groupBy);
  const part = request.recording?.sinceNs === 0n && request.recording.untilNs === 0n ? 1n : 10n;
  const of = request.filter?.pids[0];
  const rows = kRows
    .filter(() => host.name !== "edge-7")
    .filter(
      ([kind, cause], i) => of === undefined || (kind !== "user" && kRows.findIndex((row) => row[1] === cause) === i),
    )
    .map(([kind, cause, waits], i) => {
      const n = waits / part;
      const latencySumNs = n * BigInt(90_000 - 7_000 * i);
      const quantiles = { n, p50Ns: 80_000n, p90Ns: 190_000n, p99Ns: 410_000n, maxNs: 900_123n };
      return {
        host: host.name,
        ...(keys.has(DelayKey.THREAD) ? { pid: 20 + i, comm: kind === "user" ? "postgres" : kHostileName } : {}),
        kind: keys.has(DelayKey.KIND) || keys.has(DelayKey.THREAD) ? kind : "",
        cause: keys.has(DelayKey.CAUSE) ? cause : "",
        latency: quantiles,
        latencySumNs,
        excess: { ...quantiles, p50Ns: 0n, maxNs: 700_000n },
        excessSumNs: latencySumNs / BigInt(4 + i),
        assumedAffinity: n / 2n,
        buckets: spent(latencySumNs, i),
      };
    });
  return create(GetDelaysResponseSchema, {
    recording: request.recording?.recording || host.recording,
    watermarkNs: host.watermarkNs,
    rows,
    rowsTotal: BigInt(rows.length),
    waits: rows.reduce((sum, { latency }) => sum + latency.n, 0n),
    stored: host.name !== "edge-7",
    chunksUnreadable: host.name === "db-eu-1" ? 2n : 0n,
  });
}

/** A hundred of which the longest are listed. */
export function waits(request: ListWaitsRequest, host: Host): ListWaitsResponse {
  const none = host.name === "edge-7";
  return create(ListWaitsResponseSchema, {
    recording: request.recording?.recording || host.recording,
    watermarkNs: host.watermarkNs,
    waitsTotal: none ? 0n : 100n,
    stored: !none,
    waits: Array.from({ length: none ? 0 : request.limit }, (_, i) => {
      const latencyNs = BigInt(900_123 - 11_000 * i);
      const startNs = kWaitedNs + BigInt((i * 7) % 20) * 1_000_003n;
      return {
        startNs,
        wakeupNs: startNs + 900n,
        endNs: startNs + latencyNs,
        pid: request.filter?.pids[0] ?? 0,
        comm: "late",
        kind: "kworker",
        cpu: i % 4,
        wait: ["wake", "preempted", "new"][i % 3]!,
        ...(i % 3 === 1 ? { wakerPid: -1, wakerContext: "unknown" } : { wakerPid: 812, wakerComm: kHostileName }),
        cause: "pile-up",
        latencyNs,
        excessNs: latencyNs / 3n,
        affinityKnown: i % 2 === 0,
        hasWaking: true,
        buckets: spent(latencyNs, i),
      };
    }),
  });
}

/** The newest and an older one, which has gaps. */
export function recordings(host: Host): Recording[] {
  const endNs = host.watermarkNs;
  return [
    create(RecordingSchema, { host: host.name, id: host.recording, startNs: endNs - 60_000_000_000n, endNs }),
    create(RecordingSchema, {
      host: host.name,
      id: "20261120T090000-1",
      startNs: 1n,
      endNs: 90_000_000_000n,
      gaps: 3n,
    }),
  ];
}

export const kGone = "20250101T000000-1";

/** So many of a host, where it is asked about. */
export function older({ name }: Host, asked: string, many: number): Recording[] {
  if (many === 0 || (asked !== "" && asked !== name)) return [];
  const ids = Array.from({ length: many - 1 }, (_, i) => `20250${900 - i}T000000-1`);
  return [...ids, kGone].map((id) => create(RecordingSchema, { host: name, id, startNs: 1n, endNs: 90_000_000_000n }));
}

/** The span is cut into three. */
export function chainOf(request: GetChainRequest): GetChainResponse {
  const { sinceNs, untilNs } = request.recording!;
  const pid = Number(request.task);
  const first = sinceNs + (untilNs - sinceNs) / 10n;
  const second = sinceNs + (untilNs - sinceNs) / 5n;
  return create(GetChainResponseSchema, {
    pid,
    fromNs: sinceNs,
    toNs: untilNs,
    segments: [
      {
        startNs: sinceNs,
        endNs: first,
        kind: "sleep",
        pid: 812,
        comm: kHostileName,
        context: "hardirq",
        source: "irq 24",
      },
      { startNs: first, endNs: second, kind: "run", pid: 812, comm: kHostileName, cpu: 1 },
      {
        startNs: second,
        endNs: untilNs,
        kind: "wait",
        pid,
        comm: "late",
        cpu: 3,
        holderPid: 990,
        holderComm: kHostileName,
        holderNs: untilNs - second - 5n,
      },
    ],
    hasGaps: true,
  });
}
