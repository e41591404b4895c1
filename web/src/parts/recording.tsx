// Which of a host's recordings a page is about, and where that one ends.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { fleet, kUnaryMs } from "../api/client";
import { isAnswered } from "../api/feed";
import { usePoll } from "../api/hooks";
import { HostStatus, type Recording } from "../gen/wakewatch/v1/fleet_pb";
import { replaceQuery } from "../router";
import { hasLoss, type HostEntry } from "../state/hosts";
import type { TraceClock } from "../text/clock_modes";
import { Choice } from "./choice";
import { LossBanner, RecordingLoss } from "./loss";

const kRelistMs = 30_000;

export interface Chosen {
  host: string;
  recording: string; // empty: the newest
  grows: boolean;
  endNs: bigint; // trace time up to which it was analysed; 0: not known yet
  listed: Recording | undefined; // what the catalogue says of it, up to half a minute ago
  answered: boolean; // the catalogue was asked, and told or failed
  names: readonly string[]; // of all that the host has, the newest first
  loss: ComponentChildren; // what to say above its figures
}

export function useRecording(host: string, query: URLSearchParams, entry: HostEntry | undefined): Chosen {
  const recording = query.get("recording") ?? "";
  const listed = usePoll(
    `recordings ${host}`,
    (signal) => fleet.listRecordings({ host }, { signal, timeoutMs: kUnaryMs }),
    kRelistMs,
  );
  const recordings = listed.state?.recordings ?? [];
  const names = recordings.map(({ id }) => id);
  const answered = isAnswered(listed.feed);
  if (recording === "" || recording === entry?.host.recording) {
    const known = entry?.host;
    return {
      host,
      recording,
      answered,
      names,
      listed: recordings.find(({ id }) => id === known?.recording),
      grows: known?.status === HostStatus.STREAMING,
      endNs: known?.watermarkNs ?? 0n,
      loss: known !== undefined && hasLoss(known) ? <LossBanner host={known} /> : null,
    };
  }
  const own = recordings.find(({ id }) => id === recording);
  return {
    host,
    recording,
    answered,
    names,
    listed: own,
    grows: false,
    endNs: own?.endNs ?? 0n,
    loss: own !== undefined && own.gaps > 0n ? <RecordingLoss recording={own} /> : null,
  };
}

/** Of the recording that the address names, or the newest. */
export function useTraceClock(host: string, query: URLSearchParams, entry: HostEntry | undefined): TraceClock {
  const named = query.get("recording") ?? "";
  const id = named === "" ? (entry?.host.recording ?? "") : named;
  const listed = usePoll(
    `clock of ${host} ${id}`,
    (signal) => fleet.listRecordings({ host }, { signal, timeoutMs: kUnaryMs }),
    Infinity,
  );
  const own = listed.state?.recordings.find((one) => one.id === id);
  const known = id === entry?.host.recording ? entry?.host : undefined;
  const startNs = own?.startNs ?? 0n;
  let realMinusTraceNs = 0n;
  if (own !== undefined && own.startRealNs !== 0n) realMinusTraceNs = own.startRealNs - own.startNs;
  else if (known !== undefined && known.watermarkRealNs !== 0n) {
    realMinusTraceNs = known.watermarkRealNs - known.watermarkNs;
  }
  return useMemo(() => ({ startNs, realMinusTraceNs }), [startNs, realMinusTraceNs]);
}

/** Nothing to choose from is no choice. */
export function RecordingChoice({ chosen }: { chosen: Chosen }) {
  if (chosen.names.length < 2 && chosen.recording === "") return null;
  return (
    <Choice
      label="Recording"
      value={chosen.recording}
      names={chosen.names}
      all="the newest"
      onChange={(recording) => replaceQuery({ recording })}
    />
  );
}
