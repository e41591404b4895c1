// The rules of the scheduler model and what a recording says of them.
import type { RulePlace, SchedulerRule } from "../gen/wakewatch/v1/analysis_pb";

/** A blank line ends a paragraph; any other line break is only how the text was written down. */
export function paragraphs(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map((part) => part.replace(/\s*\n\s*/g, " ").trim())
    .filter((part) => part !== "");
}

export const placesOf = (rule: SchedulerRule): bigint => rule.violations + rule.missing + rule.artefacts + rule.voided;

/** A control is broken by healthy kernels: that it is says that the model can see a break, and nothing of this kernel. */
export const isBroken = (rule: SchedulerRule): boolean => !rule.negativeControl && rule.violations > 0n;

const kVerdicts: readonly string[] = ["violation", "missing", "artefact", "void"];
const kVerdictWords: Record<string, string> = {
  violation: "violation",
  missing: "an event is missing",
  artefact: "artefact of some kernels",
  void: "voided: loss may be why",
};
export const verdictWords = (verdict: string): string => kVerdictWords[verdict] ?? verdict;

/** The gravest first, each verdict in the order of time; at most so many. */
export function shownPlaces(places: readonly RulePlace[], most: number): RulePlace[] {
  const weight = ({ verdict }: RulePlace) => (kVerdicts.includes(verdict) ? kVerdicts.indexOf(verdict) : -1);
  return [...places]
    .sort((a, b) => weight(a) - weight(b) || (a.tsNs < b.tsNs ? -1 : a.tsNs > b.tsNs ? 1 : 0))
    .slice(0, most);
}

export interface RuleTotals {
  rules: number; // without controls
  checkedRules: number; // of these, those that could have been broken at least once
  brokenRules: number;
  violations: bigint;
  voided: bigint;
  checked: bigint;
}

export function ruleTotals(rules: readonly SchedulerRule[]): RuleTotals {
  const own = rules.filter(({ negativeControl }) => !negativeControl);
  return {
    rules: own.length,
    checkedRules: own.filter(({ checked }) => checked > 0n).length,
    brokenRules: own.filter(isBroken).length,
    violations: own.reduce((sum, { violations }) => sum + violations, 0n),
    voided: own.reduce((sum, { voided }) => sum + voided, 0n),
    checked: own.reduce((sum, { checked }) => sum + checked, 0n),
  };
}
