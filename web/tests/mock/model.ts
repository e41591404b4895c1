// What the server says of its checks and of the scheduler's rules.
import { create } from "@bufbuild/protobuf";
import { SchedulerRuleSchema, type SchedulerRule } from "../../src/gen/wakewatch/v1/analysis_pb";

export const kChecks = [
  { name: "wakeup-latency", description: "a thread was woken and did not run for longer than the threshold" },
  { name: "work-delay", description: "a queued work item did not start for longer than the threshold" },
  { name: "work-delay", description: "a kthread_worker item did not start for longer than the threshold" },
  { name: "lost-wakeup", description: "a thread slept on although what it waited for had happened" },
  { name: "softirq-delay", description: "a raised softirq was not entered for longer than the threshold" },
  { name: "hung-task", description: "a thread slept uninterruptibly for very long" },
];

export const kObligations = [
  { class: "kthread-stop", opened: 12n, discharged: 11n, expired: 1n },
  {
    class: "timer-lost",
    opened: 1840n,
    discharged: 1702n,
    late: 9n,
    censored: 30n,
    voided: 80n,
    unlearned: 17n,
    open: 2n,
  },
];
export const kUndecidable = [
  { class: "check-before-sleep", sleeps: 41n, needs: ["try_to_wake_up", "prepare_to_wait"] },
  { class: "waitqueue-active", sleeps: 3n, needs: [] },
];

const kHostileText = "<img src=x onerror=alert(1)>";
const at = (index: number) => 86_412_000_000_000n + BigInt(index) * 1_000_001n;

/** With the counts of a recording, or without. One rule is broken, in 120 places of which 60 are told. */
export function schedulerRules(counted: boolean, gaps: bigint): SchedulerRule[] {
  const n = (value: bigint) => (counted ? value : 0n);
  const places = (verdict: string, text: string, many: number) =>
    Array.from({ length: counted ? many : 0 }, (_, i) => ({ verdict, cpu: i % 4, tsNs: at(i), pid: 14 + i, text }));
  return [
    create(SchedulerRuleSchema, {
      name: "sleep-until-woken",
      title: "who went to sleep is switched in only after it was woken (T3)",
      explanation:
        "A task that left its run queue comes back by try_to_wake_up() alone,\nwhich traces sched_waking.\n\n" +
        `A break is a switch to a task that sleeps. ${kHostileText}`,
      finding: true,
      checked: n(12_728n),
      violations: n(118n),
      missing: n(1n),
      voided: n(gaps),
      artefacts: n(1n),
      places: [
        ...places("artefact", "a stale state", 1),
        ...places("violation", `sched_switch of a task that sleeps: ${kHostileText}`, 58),
        ...places("missing", "no sched_switch before this event", 1),
      ],
    }),
    create(SchedulerRuleSchema, {
      name: "run-state",
      title: "a task runs on one CPU, from its switch-in to its switch-out",
      explanation: "One run queue's lock is held over context_switch().",
      finding: true,
      checked: n(25_406n),
    }),
    create(SchedulerRuleSchema, {
      name: "wwnr",
      title: "a task is woken only while it does not run (known to be wrong: a control, never a finding)",
      explanation: "Kernels wake tasks that run.",
      negativeControl: true,
      checked: n(12_645n),
      violations: n(1010n),
      places: places("violation", "sched_wakeup of a task that is on a CPU", 3),
    }),
  ];
}
