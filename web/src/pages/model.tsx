import { useState } from "preact/hooks";
import { analysis, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import type { ModelRule, SchedulerRule } from "../gen/wakewatch/v1/analysis_pb";
import { Fed } from "../parts/feed_note";
import { WarningGlyph } from "../parts/marks";
import { RecordingChoice, useRecording } from "../parts/recording";
import { Scroller } from "../parts/scroller";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { At } from "../parts/times";
import { useSort } from "../parts/use_sort";
import { findingsAddress, threadAddress } from "../router";
import type { HostEntry } from "../state/hosts";
import { isBroken, paragraphs, placesOf, ruleTotals, shownPlaces, verdictWords } from "../state/rules";
import { count, plural } from "../text/units";
import { visible } from "../text/visible";
import { NotDecidable, Obligations } from "./sleeps";

const kAgainMs = 5000; // explanations and places are in every answer
const kPlacesShown = 50;

type Counted = "checked" | "violations" | "missing" | "artefacts" | "voided";
const kCounts: [Counted, string, string][] = [
  ["checked", "Checked", "How often it could have been broken"],
  ["violations", "Violations", "Broken, and nothing was lost that could be why"],
  ["missing", "Missing", "An event is missing that the kernel did not record"],
  ["artefacts", "Artefacts", "Known of some kernels, and harmless"],
  ["voided", "Voided", "Not decidable: loss may be why"],
];

function columnsFor(open: ReadonlySet<string>, turn: (name: string) => void): Column<SchedulerRule>[] {
  return [
    {
      id: "name",
      title: "Rule",
      rem: 15,
      value: (rule) => rule.name,
      cell: (rule) => (
        <button type="button" class="opener" aria-expanded={open.has(rule.name)} onClick={() => turn(rule.name)}>
          <span aria-hidden="true">{open.has(rule.name) ? "▾" : "▸"}</span> <Foreign text={rule.name} />
        </button>
      ),
    },
    {
      id: "title",
      title: "What it says",
      raw: (rule) => rule.title,
      rem: 44,
      cell: (rule) => (
        <span title={visible(rule.title)}>
          {rule.negativeControl && <span class="badge">control</span>} <Foreign text={rule.title} empty="–" />
        </span>
      ),
    },
    ...kCounts.map(([id, title, hint]): Column<SchedulerRule> => ({
      id,
      title,
      hint,
      rem: 7,
      numeric: true,
      // A control is broken by design and stands below what is broken without one.
      value: (rule) => (id === "violations" && rule.negativeControl ? -1n : rule[id]),
      raw: (rule) => rule[id],
      cell: (rule) => (
        <span class={id === "violations" && isBroken(rule) ? "strong-bad" : undefined}>{count(rule[id])}</span>
      ),
    })),
  ];
}

export function ModelTab({
  host,
  query,
  entry,
}: {
  host: string;
  query: URLSearchParams;
  entry: HostEntry | undefined;
}) {
  const chosen = useRecording(host, query, entry);
  const { recording } = chosen;
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const turn = (name: string) =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  const { state, feed } = usePoll(
    `model ${host} ${recording}`,
    (signal) => analysis.getModel({ recording: { host, recording } }, { signal, timeoutMs: kUnaryMs }),
    kAgainMs,
  );
  const columns = columnsFor(open, turn);
  const { sort, onSort } = useSort(query, columns, { column: "violations", descending: true });
  const rules = state?.schedulerRules ?? [];
  return (
    <>
      {recording !== "" && recording !== entry?.host.recording && chosen.loss}
      <div class="toolbar">
        <RecordingChoice chosen={chosen} />
        <span class="quiet push">
          model version {state?.modelVersion ?? "–"}; counts of different versions are not to be compared
        </span>
      </div>
      <Fed feed={feed} what="rules of the scheduler">
        <Verdict rules={rules} />
        <Table
          caption="Rules of the scheduler model"
          columns={columns}
          rows={rules}
          rowKey={(rule) => rule.name}
          sort={sort}
          onSort={onSort}
          onOpen={(rule) => turn(rule.name)}
          more={(rule) =>
            open.has(rule.name) ? <RuleText host={host} recording={recording} rule={rule} /> : undefined
          }
          empty="This server knows no rule of the scheduler."
        />
        <NotDecidable rows={state?.undecidable ?? []} />
        <Obligations host={host} rows={state?.obligations ?? []} />
        <Oddities rules={state?.rules ?? []} />
      </Fed>
    </>
  );
}

function Verdict({ rules }: { rules: readonly SchedulerRule[] }) {
  const totals = ruleTotals(rules);
  if (totals.rules === 0) return null;
  return (
    <p role="status">
      {totals.brokenRules > 0 ? (
        <>
          <WarningGlyph />{" "}
          <strong>
            {plural(totals.brokenRules, "rule is", "rules are")} broken, in{" "}
            {plural(totals.violations, "place", "places")}
          </strong>
        </>
      ) : (
        <strong>{totals.checkedRules === 0 ? "Nothing was checked" : "No rule was seen broken"}</strong>
      )}
      {totals.voided > 0n && <>; {plural(totals.voided, "place is", "places are")} not decidable as loss may be why</>}.{" "}
      <span class="quiet">
        {count(totals.checkedRules)} of {plural(totals.rules, "rule", "rules")} had something to check, together{" "}
        {count(totals.checked)} times. A control is known to be broken by healthy kernels and is not counted.
      </span>
    </p>
  );
}

function RuleText({ host, recording, rule }: { host: string; recording: string; rule: SchedulerRule }) {
  const shown = shownPlaces(rule.places, kPlacesShown);
  const all = placesOf(rule);
  return (
    <div class="rule">
      {rule.negativeControl && (
        <p>
          <strong>A negative control:</strong> healthy kernels break it. That it is broken shows that the model sees a
          break; it says nothing about this kernel.
        </p>
      )}
      {paragraphs(rule.explanation).map((text, i) => (
        <p key={i}>
          <Foreign text={text} />
        </p>
      ))}
      {rule.finding && rule.violations > 0n && (
        <p>
          Each violation is a finding:{" "}
          <a href={findingsAddress({ host, check: "model-violation" })}>those of the scheduler's rules</a>.
        </p>
      )}
      {shown.length === 0 ? (
        <p class="quiet">{all === 0n ? "It was broken nowhere." : "Where is not kept."}</p>
      ) : (
        <Places host={host} recording={recording} places={shown} all={all} />
      )}
    </div>
  );
}

interface PlacesProps {
  host: string;
  recording: string;
  places: SchedulerRule["places"];
  all: bigint;
}

function Places({ host, recording, places, all }: PlacesProps) {
  return (
    <>
      <p class="quiet">
        {BigInt(places.length) < all ? `${count(places.length)} of ` : ""}
        {plural(all, "place", "places")}
      </p>
      <Scroller label="Places" look="sideways">
        <table class="grid small places">
          <thead>
            <tr>
              <th scope="col">Verdict</th>
              <th scope="col" class="number">
                CPU
              </th>
              <th scope="col" class="number">
                Trace time
              </th>
              <th scope="col" class="number">
                PID
              </th>
              <th scope="col">What</th>
            </tr>
          </thead>
          <tbody>
            {places.map((place, i) => (
              <tr key={i}>
                <td class={place.verdict === "violation" ? "strong-bad" : undefined}>
                  <Foreign text={verdictWords(place.verdict)} />
                </td>
                <td class="number">{place.cpu}</td>
                <td class="number">
                  <At ns={place.tsNs} />
                </td>
                <td class="number">
                  {place.pid > 0 ? <a href={threadAddress(host, place.pid, { recording })}>{place.pid}</a> : place.pid}
                </td>
                <td>
                  <Foreign text={place.text} empty="–" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
    </>
  );
}

/** What was odd about the recording itself: it is why some counts above are voided. */
function Oddities({ rules }: { rules: readonly ModelRule[] }) {
  const seen = rules.filter(({ violations }) => violations > 0n);
  if (seen.length === 0) return null;
  return (
    <>
      <h2>What was odd about the recording</h2>
      <ul class="remarks">
        {seen.map((rule) => (
          <li key={rule.name}>
            {rule.severity === "info" ? null : <WarningGlyph />} {count(rule.violations)} × <Foreign text={rule.name} />
            : <Foreign text={rule.sentence} />
          </li>
        ))}
      </ul>
    </>
  );
}
