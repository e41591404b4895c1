// The shipped protocols and their verdicts.
import type { Protocol, ProtocolVerdict } from "../gen/wakewatch/v1/protocol_pb";
import { plural } from "../text/units";

export type Memory = "sc" | "tso";
export const kMemories: readonly [Memory, string][] = [
  ["sc", "sequential consistency"],
  ["tso", "total store order (x86)"],
];

export const verdictOf = ({ verdicts }: Protocol, memory: Memory): ProtocolVerdict | undefined =>
  verdicts.find((one) => one.memory === memory);

export const isUnexpected = (verdict: ProtocolVerdict | undefined): boolean =>
  verdict !== undefined && verdict.expected !== "" && verdict.expected !== verdict.verdict;

/** Those that explain a class of lost wakeups; empty: all. */
export const explaining = (protocols: readonly Protocol[], of: string): Protocol[] =>
  protocols.filter(({ explains }) => of === "" || explains.includes(of));

/** Under which memory a loss is shown best: without a store buffer where that is enough. */
export const telling = (protocol: Protocol | undefined): Memory =>
  protocol !== undefined && verdictOf(protocol, "sc")?.verdict === "loses" ? "sc" : "tso";

/** What the checker says of itself in words: "113 states, 12 steps deep, 0.02 s". */
export function effort(states: bigint, depth: bigint, seconds: number): string {
  const time = seconds < 0.01 ? "less than 0.01" : seconds.toFixed(2);
  return `${plural(states, "state", "states")}, ${plural(depth, "step", "steps")} deep, ${time} s`;
}
