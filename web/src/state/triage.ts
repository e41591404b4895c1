// What people said about findings, beside the findings.
import { Triage, type FindingAnnotation } from "../gen/wakewatch/v1/findings_pb";

export const kNoteBytesMax = 4096;

export const groupKeyOf = (host: string, groupId: string) => `${host}\u0000${groupId}`;

export type Annotations = ReadonlyMap<string, FindingAnnotation>;

export function annotationsByGroup(list: readonly FindingAnnotation[]): Annotations {
  return new Map(list.map((one) => [groupKeyOf(one.host, one.groupId), one]));
}

export function isMuted(annotations: Annotations, host: string, groupId: string): boolean {
  return annotations.get(groupKeyOf(host, groupId))?.triage === Triage.MUTED;
}

/** In one word; undefined: nobody said anything. */
export function triageWord(annotation: FindingAnnotation | undefined): string | undefined {
  if (annotation === undefined) return undefined;
  if (annotation.triage === Triage.MUTED) return "muted";
  if (annotation.triage === Triage.ACKNOWLEDGED) return "acknowledged";
  return annotation.note === "" ? undefined : "noted";
}

export const noteBytes = (note: string): number => new TextEncoder().encode(note).length;
