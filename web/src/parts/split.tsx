// What time was spent on: a bar for the eye, and the same as a list that sums up.
import type { Split } from "../state/buckets";
import { count, duration, share } from "../text/units";
import { WarningGlyph } from "./marks";
import { Scroller } from "./scroller";

const kNamedFrom = 0.1; // of the bar: a narrower part has no room for its name

export function SplitBar({ split, slim = false }: { split: Split; slim?: boolean }) {
  const { parts, totalNs } = split;
  const words = parts.map(({ name, ns }) => `${name} ${duration(ns)}, ${share(ns, totalNs)}`);
  return (
    <div class={slim ? "split-bar slim" : "split-bar"} role="img" aria-label={words.join("; ") || "nothing"}>
      {parts.map(({ id, name, ns }) => {
        const part = Number(ns) / Number(totalNs);
        return (
          <span
            key={id}
            class={`split-part of-${id}`}
            style={{ flexGrow: part }}
            title={`${name}: ${duration(ns)}, ${share(ns, totalNs)}`}
          >
            {!slim && part >= kNamedFrom ? name : null}
          </span>
        );
      })}
    </div>
  );
}

/** What the colours of bars mean, with values and shares. */
export function SplitLegend({ split }: { split: Split }) {
  return (
    <ul class="split-legend">
      {split.parts.map(({ id, name, words, ns }) => (
        <li key={id} title={words}>
          <span class={`swatch of-${id}`} aria-hidden="true" /> {name} {duration(ns)}{" "}
          <span class="quiet">{share(ns, split.totalNs)}</span>
        </li>
      ))}
    </ul>
  );
}

/** A legend that adds up. Every nanosecond is written out, so that a reader can add them up. */
export function SplitTable({ split, whole }: { split: Split; whole: string }) {
  const { parts, totalNs, missingNs } = split;
  return (
    <Scroller label="What the time was spent on" look="sideways">
      <table class="grid small split-table">
        <thead>
          <tr>
            <th scope="col">Spent on</th>
            <th scope="col" class="number">
              Time
            </th>
            <th scope="col" class="number">
              Share
            </th>
            <th scope="col" class="number">
              ns
            </th>
          </tr>
        </thead>
        <tbody>
          {parts.map(({ id, name, words, ns }) => (
            <tr key={id}>
              <th scope="row" title={words}>
                <span class={`swatch of-${id}`} aria-hidden="true" /> {name}
              </th>
              <td class="number">{duration(ns)}</td>
              <td class="number">{share(ns, totalNs)}</td>
              <td class="number">{count(ns)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">
              {missingNs === 0n ? (
                `Sum = ${whole}`
              ) : (
                <>
                  <WarningGlyph /> Sum, {duration(missingNs < 0n ? -missingNs : missingNs)}{" "}
                  {missingNs < 0n ? "more" : "less"} than the {whole}
                </>
              )}
            </th>
            <td class="number">{duration(totalNs)}</td>
            <td class="number">{share(totalNs, totalNs)}</td>
            <td class="number">{count(totalNs)}</td>
          </tr>
        </tfoot>
      </table>
    </Scroller>
  );
}
