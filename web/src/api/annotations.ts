// What people said about findings, asked for again and again: somebody else may say something meanwhile.
import { useMemo, useRef, useState } from "preact/hooks";
import { Triage } from "../gen/wakewatch/v1/findings_pb";
import { annotationsByGroup, type Annotations } from "../state/triage";
import { findings, kUnaryMs } from "./client";
import { usePoll } from "./hooks";

const kAgainMs = 15_000;

export interface Said {
  byGroup: Annotations;
  muted: number; // groups
  times: number; // that `again` was called
  again(): void; // this page changed something
}

/** `host`: empty: all hosts. Nothing where the server does not tell. */
export function useAnnotations(host: string): Said {
  const [times, setTimes] = useState(0);
  const { state } = usePoll(
    `annotations ${host} ${times}`,
    (signal) => findings.listAnnotations({ host }, { signal, timeoutMs: kUnaryMs }),
    kAgainMs,
  );
  // While they are asked for again, what was known holds.
  const known = useRef(state);
  if (state !== undefined) known.current = state;
  const list = known.current;
  const byGroup = useMemo(() => annotationsByGroup(list?.annotations ?? []), [list]);
  const muted = useMemo(() => [...byGroup.values()].filter(({ triage }) => triage === Triage.MUTED).length, [byGroup]);
  return { byGroup, muted, times, again: () => setTimes((n) => n + 1) };
}
