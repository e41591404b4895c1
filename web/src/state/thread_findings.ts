// How many findings each thread has, out of the groups of its host's findings.
import type { FindingGroup } from "../gen/wakewatch/v1/findings_pb";

export const kGroupsAsked = 10_000;

/** By pid; undefined: not all groups were told, so that a number would be too small. */
export function findingsByPid(groups: readonly FindingGroup[], total: bigint): ReadonlyMap<number, bigint> | undefined {
  if (BigInt(groups.length) < total) return undefined;
  const byPid = new Map<number, bigint>();
  for (const { worst, count } of groups) {
    if (worst !== undefined) byPid.set(worst.pid, (byPid.get(worst.pid) ?? 0n) + count);
  }
  return byPid;
}
