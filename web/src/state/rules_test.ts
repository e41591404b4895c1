import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RulePlaceSchema, SchedulerRuleSchema } from "../gen/wakewatch/v1/analysis_pb";
import { isBroken, paragraphs, placesOf, ruleTotals, shownPlaces, verdictWords } from "./rules";

const rule = (init: MessageInitShape<typeof SchedulerRuleSchema>) => create(SchedulerRuleSchema, init);
const place = (verdict: string, tsNs: bigint) => create(RulePlaceSchema, { verdict, tsNs });

it.each<[string, string[]]>([
  ["", []],
  ["one\nline", ["one line"]],
  ["one\nline\n\nand  \nanother\n", ["one line", "and another"]],
  ["a\n\n\n \nb", ["a", "b"]],
  ["<b>bold</b>\n\n<script>", ["<b>bold</b>", "<script>"]],
])("paragraphs of %j", (text, parts) => expect(paragraphs(text)).toEqual(parts));

it("a control that is broken breaks nothing", () => {
  const rules = [
    rule({ name: "wwnr", negativeControl: true, checked: 10n, violations: 7n }),
    rule({ name: "run-state", checked: 5n, violations: 2n, missing: 1n, voided: 4n }),
    rule({ name: "irq-nesting", checked: 3n, artefacts: 1n }),
    rule({ name: "tasklet-run" }),
  ];
  expect(rules.map(isBroken)).toEqual([false, true, false, false]);
  expect(rules.map(placesOf)).toEqual([7n, 7n, 1n, 0n]);
  expect(ruleTotals(rules)).toEqual({
    rules: 3,
    checkedRules: 2,
    brokenRules: 1,
    violations: 2n,
    voided: 4n,
    checked: 8n,
  });
  expect(ruleTotals([])).toEqual({
    rules: 0,
    checkedRules: 0,
    brokenRules: 0,
    violations: 0n,
    voided: 0n,
    checked: 0n,
  });
});

it("places: the gravest first, then the earliest, and not all of a thousand", () => {
  const places = [place("void", 1n), place("violation", 9n), place("artefact", 2n), place("violation", 3n)];
  const told = (most: number) => shownPlaces(places, most).map(({ verdict, tsNs }) => `${verdict} ${tsNs}`);
  expect(told(9)).toEqual(["violation 3", "violation 9", "artefact 2", "void 1"]);
  expect(told(2)).toEqual(["violation 3", "violation 9"]);
  expect(places[0]?.verdict).toBe("void");
});

it("a verdict of a newer server is shown as it came, in front", () => {
  expect(verdictWords("void")).toBe("voided: loss may be why");
  expect(verdictWords("doubtful")).toBe("doubtful");
  expect(shownPlaces([place("violation", 1n), place("doubtful", 2n)], 1)[0]?.verdict).toBe("doubtful");
});
