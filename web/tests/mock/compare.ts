// A made-up comparison: every word that a change can have, and names that attack.
import { create } from "@bufbuild/protobuf";
import {
  CompareResponseSchema,
  type CompareRequest,
  type CompareResponse,
  type RecordingRef,
} from "../../src/gen/wakewatch/v1/analysis_pb";
import type { Host } from "../../src/gen/wakewatch/v1/fleet_pb";
import { kHostile, randomFrom } from "./data";

const kMinuteNs = 60_000_000_000n;

const side = (n: number, p50: number) => ({
  n: BigInt(n),
  p50Ns: BigInt(p50),
  p90Ns: BigInt(p50 * 3),
  p99Ns: BigInt(p50 * 9),
  maxNs: BigInt(p50 * 40),
});
function times(before: [number, number], after: [number, number], longer = 0.5, pAdjusted?: number) {
  const p = pAdjusted === undefined ? {} : { pValue: pAdjusted / 40, pAdjusted };
  return { before: side(...before), after: side(...after), longer, ...p };
}

const kNames: [string, string][] = [
  ["rcu_preempt", "rcu"],
  ["migration/*", "migration"],
  ["kswapd*", "kswapd"],
  ["jbd2/nvme0n1p2-8", "jbd2"],
  ["irq/*-mlx5_comp0@pci:0000:41:00.0", "irq"],
];

function sideOf(ref: RecordingRef, host: Host) {
  const older = ref.recording === "20261120T090000-1";
  const startNs = ref.sinceNs || 86_000_000_000_000n;
  return {
    host: host.name,
    recording: ref.recording || host.recording,
    kernel: older ? "6.1.0-27-amd64" : host.kernel,
    startNs,
    endNs: ref.untilNs || startNs + kMinuteNs,
    events: host.events,
    lostEvents: host.lostEvents,
    lostUnknown: host.lostUnknown,
    gaps: host.gaps,
  };
}

/** A span has a tenth of the waits, which are too few for any p. */
export function comparison(request: CompareRequest, before: Host, after: Host): CompareResponse {
  const whole = request.before!.untilNs === 0n && request.after!.sinceNs === 0n;
  const n = (waits: number) => (whole ? waits : Math.ceil(waits / 100));
  const p = (value: number) => (whole ? value : undefined);
  const random = randomFrom(11);
  const kworker = {
    name: "kworker/u*:*",
    kind: "kworker",
    threadsBefore: 12,
    threadsAfter: 9,
    latency: times([n(41_200), 18_400], [n(39_870), 61_900], 0.81, p(3e-12)),
    excess: times([n(41_200), 900], [n(39_870), 2_300], 0.64, p(0.0004)),
    wakeupsPerSBefore: 686.7,
    wakeupsPerSAfter: 664.5,
  };
  const ksoftirqd = {
    name: "ksoftirqd/*",
    kind: "ksoftirqd",
    threadsBefore: 8,
    threadsAfter: 8,
    latency: times([n(900), 12_100], [n(1_100), 4_070], 0.22, p(0.0021)),
    excess: times([n(900), 0], [n(1_100), 0], 0.5, p(1)),
    wakeupsPerSBefore: 15,
    wakeupsPerSAfter: 18.3,
  };
  const rest = kNames.map(([name, kind], i) => ({
    name,
    kind,
    threadsBefore: 1 + i,
    threadsAfter: 1 + i,
    latency: times([n(400), 9_000 + 900 * i], [n(400), 9_100 + 870 * i], 0.5 + 0.02 * random(), p(0.2 + 0.15 * i)),
    excess: times([n(400), 100], [n(400), 110], 0.51, p(1)),
    wakeupsPerSBefore: 6.7,
    wakeupsPerSAfter: 6.7,
  }));
  const hostile = Object.values(kHostile).map((name, i) => ({
    name,
    kind: "kthread",
    threadsBefore: i % 2,
    threadsAfter: 1 - (i % 2),
    latency: i % 2 === 0 ? times([0, 0], [5, 9_000]) : times([5, 9_000], [0, 0]),
    excess: times([0, 0], [0, 0]),
  }));
  const user = { ...ksoftirqd, name: "postgres", kind: "user" };
  return create(CompareResponseSchema, {
    before: sideOf(request.before!, before),
    after: sideOf(request.after!, after),
    threads: [kworker, ksoftirqd, ...(request.userTasks ? [user] : []), ...rest, ...hostile],
    work: [
      {
        function: "wb_workfn",
        queueToStart: times([n(800), 4_000], [n(810), 9_000], 0.7, p(0.003)),
        run: times([n(800), 90_000], [n(810), 91_000], 0.51, p(0.8)),
      },
      {
        function: "<b>not a function</b>",
        queueToStart: times([3, 4_000], [900, 0], 0.1),
        run: times([3, 0], [900, 7_000], 0.9),
      },
    ],
    softirqs: [
      {
        vector: "NET_RX",
        raiseToEntry: times([n(90_000), 1_200], [n(88_000), 1_190], 0.499, p(0.93)),
        inKsoftirqdBefore: 70n,
        inKsoftirqdAfter: 12n,
      },
      { vector: "IRQ_POLL" },
    ],
  });
}
