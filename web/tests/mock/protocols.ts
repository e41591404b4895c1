// Protocols, and what a checker would say of a text: it is not read, only looked at for words.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  CheckProtocolResponseSchema,
  ProtocolSchema,
  type CheckProtocolRequest,
  type CheckProtocolResponse,
  type Protocol,
} from "../../src/gen/wakewatch/v1/protocol_pb";
import { kHostile } from "./data";

const verdict = (memory: string, of: string, expected = of) => ({
  memory,
  verdict: of,
  property: of === "loses" ? "lost-wakeup" : "",
  expected,
  states: 1113n,
  depth: 17n,
  steps: of === "loses" ? 5 : 0,
  checkerVersion: 1,
});

export const kProtocols: Protocol[] = [
  create(ProtocolSchema, {
    name: "kthread_check_before_set",
    title: "a kthread that looks at its condition before it sets its state",
    explains: ["check-before-sleep"],
    verdicts: [verdict("sc", "loses"), verdict("tso", "loses")],
  }),
  create(ProtocolSchema, {
    name: "kthread_loop",
    title: "a kthread that sleeps until there is something to do, or it is to stop",
    verdicts: [verdict("sc", "safe"), verdict("tso", "loses", "safe")],
  }),
  create(ProtocolSchema, { name: "unknown_yet", title: kHostile.image, explains: ["kthread-stop"] }),
];

export const textOf = (protocol: Protocol) =>
  `protocol ${protocol.name} "${protocol.title}";\n\nflag cond;\n\nkthread worker {\n    schedule();\n}\n`;

const step = (task: number, line: number, statement: string, more: object = {}) => ({ task, line, statement, ...more });

const kRun: MessageInitShape<typeof CheckProtocolResponseSchema> = {
  title: "a kthread that looks at its condition before it sets its state",
  verdict: "loses",
  property: "lost-wakeup",
  loss: "worker sleeps for ever in schedule() at line 8 while what it sleeps for holds: cond",
  tasks: ["worker", "bystander", "waker"],
  states: 1113n,
  depth: 17n,
  seconds: 0.012,
  assumptions: [kHostile.script],
  counterexample: [
    step(0, 6, "if (!cond)", { accesses: ["reads cond: 0"] }),
    step(2, 13, "cond = 1", { accesses: ["cond = 1 (in its store buffer)"] }),
    step(2, 0, "", { flush: true, accesses: ["cond = 1 reaches memory"] }),
    step(2, 14, "wake_up_process(worker)", {
      kernelFunction: "try_to_wake_up",
      accesses: ["reads worker.state: TASK_RUNNING"],
      note: "not asleep: nothing to wake, and no event",
      events: [{ name: "ttwu", args: ["worker", "TASK_RUNNING"], level: 1 }],
    }),
    step(0, 8, "schedule()", {
      kernelFunction: "__schedule",
      accesses: ["worker.on_rq = 0"],
      events: [{ name: "sched_switch", args: ["worker", "TASK_INTERRUPTIBLE"], level: 0 }],
    }),
  ],
};

export function checkOf({ name, text, memory }: CheckProtocolRequest): CheckProtocolResponse {
  if (text.includes("busy"))
    throw new ConnectError(
      "as many protocols as this server checks at once are being checked, 2",
      Code.ResourceExhausted,
    );
  if (text.includes("wrong"))
    throw new ConnectError(`${name}: line 3, column 7: expected ';' behind ${kHostile.image}`, Code.InvalidArgument);
  if (name === "kthread_loop" && memory === "sc")
    return create(CheckProtocolResponseSchema, { protocol: name, memory, verdict: "safe", states: 900n, depth: 30n });
  return create(CheckProtocolResponseSchema, { ...kRun, protocol: name, memory });
}
