// Findings out of two sources: the list that matches a filter, and the stream of new ones.
import { Confidence, type Finding, type WatchFindingsResponse } from "../gen/wakewatch/v1/findings_pb";

export interface Filter {
  host: string;
  check: string;
  class: string;
  confidenceMin: Confidence;
  pid: number; // 0: all
  kernelOnly: boolean; // leaves those of user tasks out
  groupId: string;
  withoutMuted: boolean; // leaves out what somebody muted
}

/** Names of Confidence, by its numbers. */
export const kConfidences: readonly string[] = ["unknown", "suspicious", "strong", "proven"];
export const confidenceName = (confidence: Confidence): string => kConfidences[confidence] ?? "unknown";

export const kNoFilter: Filter = {
  host: "",
  check: "",
  class: "",
  confidenceMin: Confidence.UNSPECIFIED,
  pid: 0,
  kernelOnly: true,
  groupId: "",
  withoutMuted: false,
};

export function matches(filter: Filter, finding: Finding): boolean {
  return (
    (filter.host === "" || finding.host === filter.host) &&
    (filter.check === "" || finding.check === filter.check) &&
    (filter.class === "" || finding.class === filter.class) &&
    finding.confidence >= filter.confidenceMin &&
    (filter.pid === 0 || finding.pid === filter.pid) &&
    (!filter.kernelOnly || finding.kind !== "user") &&
    (filter.groupId === "" || finding.groupId === filter.groupId)
  );
}

export const findingKey = (finding: Finding) => `${finding.host}\u0000${finding.id}`;

/** When it began, on the host's wall clock if that is known, else on the trace clock. */
export function whenNs(finding: Finding): bigint {
  return finding.startRealNs || finding.startNs;
}

export interface LiveFindings {
  findings: readonly Finding[]; // newest last
  missed: bigint; // in all, since the page was opened
}

export const kNoLiveFindings: LiveFindings = { findings: [], missed: 0n };
const kLiveMax = 2000;

export function reduceFindings(live: LiveFindings, message: WatchFindingsResponse): LiveFindings {
  const byKey = new Map(live.findings.map((finding) => [findingKey(finding), finding]));
  for (const finding of message.findings) byKey.set(findingKey(finding), finding);
  return { findings: [...byKey.values()].slice(-kLiveMax), missed: live.missed + message.missed };
}

/** Each finding once. What the stream says is newer than what the list said. */
export function mergeFindings(
  listed: readonly Finding[],
  live: readonly Finding[],
  filter: Filter,
  isMuted: (finding: Finding) => boolean = () => false,
): Finding[] {
  const byKey = new Map<string, Finding>();
  for (const finding of [...listed, ...live]) {
    if (filter.withoutMuted && isMuted(finding)) continue;
    if (matches(filter, finding)) byKey.set(findingKey(finding), finding);
  }
  return [...byKey.values()];
}

/** What is said of a finding that has not ended. */
export const openWords = (check: string): string =>
  check === "lost-wakeup" || check === "hung-task" ? "still asleep" : "not over yet";

/** The newest form of one finding: what the stream says of it takes the place of what was asked for. */
export function newestOf(finding: Finding, live: LiveFindings): Finding {
  const key = findingKey(finding);
  return [...live.findings].reverse().find((one) => findingKey(one) === key) ?? finding;
}

export function inTime<E extends { tsNs: bigint }>(events: readonly E[]): E[] {
  return [...events].sort((a, b) => (a.tsNs < b.tsNs ? -1 : a.tsNs > b.tsNs ? 1 : 0));
}

export function filterOf(query: URLSearchParams): Filter {
  const pid = Number(query.get("pid") ?? "0");
  return {
    host: query.get("host") ?? "",
    check: query.get("check") ?? "",
    class: query.get("class") ?? "",
    confidenceMin: Math.max(kConfidences.indexOf(query.get("confidence") ?? ""), Confidence.UNSPECIFIED),
    pid: Number.isInteger(pid) && pid > 0 && pid < 2 ** 31 ? pid : 0,
    kernelOnly: query.get("user") !== "1",
    groupId: query.get("group") ?? "",
    // Who asks for one group wants to see it.
    withoutMuted: query.get("muted") !== "1" && (query.get("group") ?? "") === "",
  };
}
