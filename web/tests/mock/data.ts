// A made-up fleet: the same figures in every run, and names that attack the page.
import { create } from "@bufbuild/protobuf";
import {
  HistogramBucketSchema,
  QuantilesSchema,
  ThreadSummarySchema,
  type HistogramBucket,
  type Quantiles,
  type ThreadSummary,
} from "../../src/gen/wakewatch/v1/analysis_pb";
import { Confidence, FindingSchema, type Finding } from "../../src/gen/wakewatch/v1/findings_pb";
import { HostSchema, HostStatus, type Host } from "../../src/gen/wakewatch/v1/fleet_pb";
import { spent } from "./waits";

export const kHostile = {
  image: "<img src=x onerror=alert(1)>",
  script: "<script>alert(1)</script>",
  override: "abc\u202egpj.exe",
  replaced: "bad\ufffdcomm",
  quotes: `"'><b>x</b>`,
  link: "javascript:alert(1)",
};

/** mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const kStartNs = 86_412_000_000_000n; // trace clock
export const nowNs = () => BigInt(Date.now()) * 1_000_000n;

export function hosts(): Host[] {
  const base = {
    kernel: "6.1.0-28-amd64",
    status: HostStatus.STREAMING,
    bootId: "5b1f4c0e-7a57-4ac4-9c07-0c6f6f9e2d11",
    recording: "20261121T140307-1",
    cpus: 8,
    profile: "full",
    profileWanted: "full",
    collectorVersion: "0.1.0",
    watermarkNs: kStartNs,
  };
  return [
    create(HostSchema, {
      ...base,
      name: "build-01",
      eventsPerS: 182_300,
      bytesPerS: 840_000,
      events: 913_442_120n,
      lagNs: 640_000_000n,
      findings: 12n,
      findingsProven: 4n,
      findingsStrong: 4n,
      findingsSuspicious: 4n,
      worstExcessNs: 94_300_000n,
      queueBytes: 12_288n,
    }),
    create(HostSchema, {
      ...base,
      name: "db-eu-1",
      cpus: 64,
      eventsPerS: 96_400,
      bytesPerS: 451_000,
      events: 402_118_345n,
      lostEvents: 18_442n,
      lostUnknown: true,
      gaps: 7n,
      lateEvents: 31n,
      lagNs: 1_240_000_000n,
      findings: 7n,
      findingsProven: 2n,
      findingsStrong: 3n,
      findingsSuspicious: 2n,
      worstExcessNs: 18_200_000n,
      queueBytes: 1_843_200n,
      droppedEvents: 2_048n,
      profile: "light",
      refusedBatches: 3n,
      lastRefusal: "chunk of cpu 12: checksum does not match",
      kernel: "6.6.58-rt45",
      warnings: ["/sys/kernel/tracing/set_ftrace_filter: permission denied; going on without it"],
    }),
    create(HostSchema, {
      ...base,
      name: "edge-7",
      cpus: 4,
      status: HostStatus.DISCONNECTED,
      events: 8_120_004n,
      kernel: "5.10.0-32-arm64",
      lagNs: 190_000_000_000n,
      findings: 1n,
      lostEvents: 12n,
      gaps: 1n,
    }),
    create(HostSchema, {
      ...base,
      name: kHostile.image,
      cpus: 2,
      status: HostStatus.ENDED,
      kernel: kHostile.script,
      events: 77_000n,
      warnings: [kHostile.script, kHostile.override],
    }),
  ];
}

export function quantiles(random: () => number, n: number, middleNs: number): Quantiles {
  if (n === 0) return create(QuantilesSchema, {});
  const p50 = middleNs * (0.6 + random());
  const p90 = p50 * (2 + 3 * random());
  const p99 = p90 * (1.5 + 8 * random());
  const whole = (ns: number) => BigInt(Math.round(ns));
  return create(QuantilesSchema, {
    n: BigInt(n),
    p50Ns: whole(p50),
    p90Ns: whole(p90),
    p99Ns: whole(p99),
    maxNs: whole(p99 * (1.2 + 5 * random())),
  });
}

function thread(random: () => number, pid: number, comm: string, kind: string, gaps: boolean): ThreadSummary {
  const wakeups = kind === "cpuhp" ? 0 : 1 + Math.floor(random() ** 3 * 40_000) + (kind === "ksoftirqd" ? 800 : 0);
  const wakeupLatency = quantiles(random, wakeups, 14_000);
  const preempted = quantiles(random, Math.floor(wakeups / 9), 40_000);
  const sumNs = wakeupLatency.p50Ns * BigInt(wakeups) + wakeupLatency.maxNs;
  return create(ThreadSummarySchema, {
    pid,
    comm,
    kind,
    kindSource: kind === "user" ? "" : random() < 0.8 ? "inventory" : "name",
    wakeups: BigInt(wakeups),
    wakeupLatency,
    delivery: quantiles(random, wakeups, 2_500),
    runqueue: quantiles(random, wakeups, 9_000),
    preempted,
    excessLatency: quantiles(random, wakeups, 5_000),
    assumedAffinity: BigInt(Math.floor(wakeups / 3)),
    wakeupLatencySumNs: wakeups === 0 ? 0n : sumNs,
    excessLatencySumNs: wakeups === 0 ? 0n : sumNs / 3n,
    buckets: spent(wakeups === 0 ? 0n : sumNs, pid),
    preemptedBuckets: spent(preempted.p50Ns * preempted.n, pid + 1),
    onCpuNs: BigInt(Math.floor(wakeups * 31_000 * (0.5 + random()))),
    censored: BigInt(random() < 0.1 ? 1 : 0),
    voided: BigInt(gaps && random() < 0.2 ? Math.floor(random() * 40) : 0),
    firstSeenNs: kStartNs + BigInt(pid) * 1_000n,
  });
}

/** Kernel threads of a host with so many CPUs, the hostile ones among them, and user tasks when they are asked for. */
export function threads(cpus: number, gaps: boolean, userTasks: number): ThreadSummary[] {
  const random = randomFrom(cpus);
  const list: ThreadSummary[] = [];
  let pid = 2;
  const add = (comm: string, kind: string) => list.push(thread(random, pid++, comm, kind, gaps));
  for (const comm of [
    "kthreadd",
    "rcu_preempt",
    "kcompactd0",
    "khugepaged",
    "kswapd0",
    "jbd2/sda1-8",
    "irq/24-nvme0q1",
  ]) {
    add(comm, comm.startsWith("irq/") ? "irq" : comm.replace(/[0-9/].*/, ""));
  }
  for (let cpu = 0; cpu < cpus; cpu++) {
    add(`ksoftirqd/${cpu}`, "ksoftirqd");
    add(`migration/${cpu}`, "migration");
    add(`kworker/${cpu}:0`, "kworker");
    add(`kworker/${cpu}:1H`, "kworker");
    add(`cpuhp/${cpu}`, "cpuhp");
  }
  for (const comm of Object.values(kHostile)) add(comm, "kthread");
  pid = 1200;
  for (let i = 0; i < userTasks; i++) add(i % 7 === 0 ? "postgres" : `worker-${i}`, "user");
  return list;
}

/** As the server keeps them: 32 buckets an octave; the counts sum up to n. */
export function buckets(of: Quantiles | undefined, seed: number): HistogramBucket[] {
  if (of === undefined || of.n === 0n) return [];
  const random = randomFrom(seed);
  const counts = new Map<number, bigint>();
  const draws = Math.min(Number(of.n), 4000);
  const p50 = Number(of.p50Ns);
  const max = Number(of.maxNs);
  for (let i = 0; i < draws; i++) {
    const spread = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const ns = i === 0 ? max : Math.min(max, p50 * Math.exp(spread * 0.9));
    const index = Math.floor(Math.log2(Math.max(1, ns)) * 32);
    counts.set(index, (counts.get(index) ?? 0n) + 1n);
  }
  const rest = of.n - BigInt(draws);
  const middle = Math.floor(Math.log2(Math.max(1, p50)) * 32);
  if (rest > 0n) counts.set(middle, (counts.get(middle) ?? 0n) + rest);
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([index, count]) =>
      create(HistogramBucketSchema, {
        lowNs: BigInt(Math.floor(2 ** (index / 32))),
        highNs: BigInt(Math.ceil(2 ** ((index + 1) / 32))),
        count,
      }),
    );
}

const kStories: [string, string, string, string][] = [
  ["wakeup-latency", "real-time", "ksoftirqd/3", "was runnable for {waited} while cyclictest (FIFO) held CPU 3"],
  ["wakeup-latency", "irq-off", "rcu_preempt", "was woken {waited} before CPU 2 took the interrupt that delivers it"],
  [
    "work-delay",
    "pool-stall",
    "kworker/1:0",
    "started vmstat_update {waited} after it was queued: the pool had no idle worker",
  ],
  [
    "lost-wakeup",
    "check-before-sleep",
    "jbd2/sda1-8",
    "slept {waited} after it had checked a condition that was set before it slept",
  ],
  ["softirq-delay", "hog", "ksoftirqd/0", "entered NET_RX {waited} after it was raised"],
  ["hung-task", "unexplained", kHostile.image, `slept {waited} uninterruptibly ${kHostile.script}`],
];

/** Of these findings, the one that has not ended. */
export const kOpenIndex = 9;

function suspicion(open: boolean, pid: number, endNs: bigint) {
  return {
    rule: "A waker ran while its sleeper was on a CPU, woke nobody, and blocked.",
    assumption: `That the waker meant this sleep ${kHostile.script}`,
    wouldRaise: "The probe try_to_wake_up (--evidence deep)",
    open,
    snapshots: open
      ? [
          {
            pid,
            role: "suspect",
            tsNs: endNs + 80_000_000n,
            wchan: "kjournald2",
            status: "Name:\tjbd2\nState:\tS (sleeping)\n",
            stack: `[<0>] kjournald2+0x1f0/0x260\n[<0>] kthread+0xd6/0x100\n[<0>] ${kHostile.script}`,
          },
          { pid: 812, role: "waker", error: "no answer within 5 s" },
        ]
      : [],
  };
}

export function finding(index: number, host: string): Finding {
  const random = randomFrom(1000 + index);
  const [check, cause, comm, words] = kStories[index % kStories.length]!;
  const waited = BigInt(Math.floor((6 + 90 * random()) * 1e6));
  const start = kStartNs + BigInt(index) * 1_734_000_123n;
  const end = start + waited;
  const pid = 14 + (index % kStories.length);
  const named = `comm=${comm} pid=${pid}`;
  const part = (share: number) => start + BigInt(Math.floor(Number(waited) * share));
  return create(FindingSchema, {
    id: `f${(0x9e3779b1 * (index + 1)).toString(16).slice(0, 14)}`,
    groupId: `g${index % kStories.length}`,
    host,
    recording: "20261121T140307-1",
    check,
    class: cause,
    confidence: [Confidence.PROVEN, Confidence.STRONG, Confidence.SUSPICIOUS][index % 3]!,
    pid,
    comm,
    cpu: index % 4,
    startNs: start,
    endNs: end,
    startRealNs: nowNs() - BigInt(index) * 47_000_000_000n,
    waitedNs: waited,
    ...(index % 4 === 3 ? {} : { wakerPid: 812, wakerComm: index % 2 === 0 ? "nginx" : kHostile.override }),
    foundRealNs: nowNs(),
    ...(check === "lost-wakeup" ? suspicion(index === kOpenIndex, pid, end) : {}),
    explanation: `${comm} ${words.replace("{waited}", `${Number(waited / 10_000n) / 100} ms`)}.`,
    evidence: [
      { cpu: 1, tsNs: start, event: `sched_waking ${named} prio=120 target_cpu=${index % 4}` },
      { cpu: index % 4, tsNs: part(0.04), event: `sched_wakeup ${named} prio=120 target_cpu=${index % 4}` },
      {
        cpu: index % 4,
        tsNs: part(0.36),
        event:
          "sched_switch prev_comm=swapper/3 prev_pid=0 prev_state=R ==> next_comm=cyclictest next_pid=990 next_prio=9",
      },
      { cpu: 2, tsNs: part(0.62), event: `sched_stat_runtime ${named} runtime=18233 [ns]` },
      {
        cpu: index % 4,
        tsNs: end,
        event: `sched_switch prev_comm=cyclictest prev_pid=990 prev_state=S ==> next_${named.replace(" pid", " next_pid")}`,
      },
    ],
  });
}
