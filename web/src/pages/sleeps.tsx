// What was expected of wakers and what could not be decided.
import type { ObligationSummary, Undecidable } from "../gen/wakewatch/v1/analysis_pb";
import { Scroller } from "../parts/scroller";
import { Foreign } from "../parts/text";
import { findingsAddress } from "../router";
import { count } from "../text/units";

export function NotDecidable({ rows }: { rows: readonly Undecidable[] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-label="Not decidable">
      <h2>Not decidable</h2>
      <p class="quiet">
        Sleeps of kernel threads that may have lost a wakeup, and of which the recorded events cannot tell. Neither a
        finding nor a clean bill.
      </p>
      <Scroller label="Not decidable">
        <table class="grid small">
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" class="number">
                Sleeps
              </th>
              <th scope="col">Probes that would decide them</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.class}>
                <th scope="row">
                  <Foreign text={row.class} />
                </th>
                <td class="number">{count(row.sleeps)}</td>
                <td>
                  {row.needs.length === 0 ? (
                    <span class="quiet">none: no events do</span>
                  ) : (
                    <code>
                      <Foreign text={row.needs.join(", ")} />
                    </code>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
    </section>
  );
}

type Counted = Exclude<keyof ObligationSummary, "class" | "$typeName" | "$unknown">;
const kEnds: [Counted, string, string][] = [
  ["opened", "Opened", "The sum of the others"],
  ["discharged", "In time", "Done by the deadline"],
  ["late", "Late", "Done after the deadline: a delay"],
  ["expired", "Expired", "Not done by the deadline: findings"],
  ["censored", "Censored", "The recording ended before the deadline"],
  ["voided", "Voided", "A gap, an exit or a change of CPUs touches it"],
  ["unlearned", "Unlearned", "Too little was seen of the thread to set a deadline"],
  ["open", "Open", "Not over yet"],
];

export function Obligations({ host, rows }: { host: string; rows: readonly ObligationSummary[] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-label="Obligations">
      <h2>Obligations</h2>
      <p class="quiet">
        What somebody had to do by a deadline that was learned from this recording.{" "}
        <a href={findingsAddress({ host, check: "lost-wakeup" })}>Lost wakeups</a> are among those that expired.
      </p>
      <Scroller label="Obligations">
        <table class="grid small">
          <thead>
            <tr>
              <th scope="col">Class</th>
              {kEnds.map(([id, title, hint]) => (
                <th key={id} scope="col" class="number" title={hint}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.class}>
                <th scope="row">
                  <Foreign text={row.class} />
                </th>
                {kEnds.map(([id]) => (
                  <td key={id} class="number">
                    <span class={id === "expired" && row.expired > 0n ? "strong-bad" : undefined}>
                      {count(row[id])}
                    </span>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
    </section>
  );
}
