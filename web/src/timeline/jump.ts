// The query that opens the timeline at something that another page tells of.
import { traceTime } from "../text/times";
import { pointedText, type Pointed } from "./address";

const kLeastNs = 500_000n; // on either side: a wait alone says little of what was around it

/** A span with its surroundings, and the lane of its thread. */
export function jumpTo(
  fromNs: bigint,
  toNs: bigint,
  pid: number,
  selected?: Pointed,
): { start: string; end: string; pin: string | undefined; sel: string | undefined } {
  const around = (toNs - fromNs) / 2n > kLeastNs ? (toNs - fromNs) / 2n : kLeastNs;
  const start = fromNs > around ? fromNs - around : 0n;
  return {
    start: traceTime(start),
    end: traceTime(toNs + around),
    pin: pid > 0 ? String(pid) : undefined,
    sel: selected && pointedText(selected),
  };
}
