// What is compared with what, as the address says it: each side a recording and perhaps a span of it.
import { parseSeconds } from "../state/span";

export type SideName = "before" | "after";
export const kSides: readonly SideName[] = ["before", "after"];

export interface Side {
  host: string; // empty: not chosen yet
  recording: string; // empty: the newest
  sinceNs: bigint; // 0: from its start
  untilNs: bigint; // 0: to its end
  problem: string; // why it cannot be compared; empty: it can
}

/** HOST/RECORDING; what stands behind the last slash is the recording, since a host's name may have one. */
export const recordingText = (host: string, recording: string) => (host === "" ? "" : `${host}/${recording}`);

function recordingOf(text: string): { host: string; recording: string } {
  const slash = text.lastIndexOf("/");
  return slash < 0 ? { host: text, recording: "" } : { host: text.slice(0, slash), recording: text.slice(slash + 1) };
}

export function sideOf(query: URLSearchParams, name: SideName): Side {
  const chosen = recordingOf(query.get(name) ?? "");
  const sinceNs = parseSeconds(query.get(`${name}_since`) ?? "");
  const untilNs = parseSeconds(query.get(`${name}_until`) ?? "");
  const side = { ...chosen, sinceNs: sinceNs ?? 0n, untilNs: untilNs ?? 0n, problem: "" };
  if (sinceNs === undefined || untilNs === undefined)
    side.problem = "A time is given in seconds of trace time, such as 86412.25.";
  else if (untilNs !== 0n && untilNs <= sinceNs) side.problem = "The span ends before it begins.";
  return side;
}

/** The query with the sides exchanged. */
export function swapped(query: URLSearchParams): Record<string, string | undefined> {
  const changes: Record<string, string | undefined> = {};
  for (const end of ["", "_since", "_until"]) {
    changes[`before${end}`] = query.get(`after${end}`) ?? undefined;
    changes[`after${end}`] = query.get(`before${end}`) ?? undefined;
  }
  return changes;
}
