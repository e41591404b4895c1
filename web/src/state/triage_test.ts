import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { FindingAnnotationSchema, Triage } from "../gen/wakewatch/v1/findings_pb";
import { annotationsByGroup, isMuted, noteBytes, triageWord } from "./triage";

const said = (init: MessageInitShape<typeof FindingAnnotationSchema>) => create(FindingAnnotationSchema, init);

it("what is muted is muted on its host only", () => {
  const annotations = annotationsByGroup([
    said({ host: "a", groupId: "1", triage: Triage.MUTED }),
    said({ host: "a", groupId: "2", triage: Triage.ACKNOWLEDGED }),
  ]);
  expect(isMuted(annotations, "a", "1")).toBe(true);
  expect(isMuted(annotations, "b", "1")).toBe(false);
  expect(isMuted(annotations, "a", "2")).toBe(false);
});

it.each([
  [undefined, undefined],
  [said({}), undefined],
  [said({ note: "x" }), "noted"],
  [said({ triage: Triage.ACKNOWLEDGED, note: "x" }), "acknowledged"],
  [said({ triage: Triage.MUTED }), "muted"],
])("one word says it", (annotation, word) => expect(triageWord(annotation)).toBe(word));

it("a note is as long as its bytes", () => {
  expect(noteBytes("")).toBe(0);
  expect(noteBytes("aü☃😀")).toBe(10);
});
