// Findings as the server groups them.
import { create } from "@bufbuild/protobuf";
import {
  FindingGroupSchema,
  ListFindingGroupsResponseSchema,
  type Finding,
  type ListFindingsRequest,
} from "../../src/gen/wakewatch/v1/findings_pb";
import type { Filter } from "../../src/state/findings";

export const filterFrom = (request: ListFindingsRequest): Filter => ({
  host: request.host,
  check: request.check,
  class: request.class,
  confidenceMin: request.confidenceMin,
  pid: request.pid,
  kernelOnly: request.kernelOnly,
  groupId: request.groupId,
  withoutMuted: request.withoutMuted,
});

export function groupsOf(findings: readonly Finding[]) {
  const groups = new Map<string, Finding[]>();
  for (const one of findings) {
    const key = `${one.host}/${one.groupId}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const rows = [...groups.values()].map((all) => {
    const byTime = [...all].sort((a, b) => Number(a.startRealNs - b.startRealNs));
    const worst = all.reduce((a, b) => (b.waitedNs > a.waitedNs ? b : a));
    return create(FindingGroupSchema, {
      groupId: worst.groupId,
      confidence: Math.max(...all.map(({ confidence }) => confidence)),
      count: BigInt(all.length),
      open: BigInt(all.filter(({ open }) => open).length),
      firstStartNs: byTime[0]!.startNs,
      lastStartNs: byTime.at(-1)!.startNs,
      firstStartRealNs: byTime[0]!.startRealNs,
      lastStartRealNs: byTime.at(-1)!.startRealNs,
      worst,
    });
  });
  return create(ListFindingGroupsResponseSchema, {
    groups: rows,
    total: BigInt(rows.length),
    findings: BigInt(findings.length),
  });
}
