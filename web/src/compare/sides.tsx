// What the two sides are, and first what each of them lost.
import type { ComparedSide, CompareResponse } from "../gen/wakewatch/v1/analysis_pb";
import { WarningGlyph } from "../parts/marks";
import { Foreign } from "../parts/text";
import { hostAddress } from "../router";
import { traceTime } from "../text/times";
import { atLeast, count, duration, plural } from "../text/units";
import { kSides } from "./side";

export const hasLost = (side: ComparedSide | undefined) =>
  side !== undefined && (side.gaps > 0n || side.lostEvents > 0n || side.lostUnknown);

function lostText({ lostEvents, lostUnknown, gaps }: ComparedSide): string {
  const events = lostUnknown && lostEvents === 0n ? "An unknown number of" : atLeast(lostEvents, lostUnknown);
  return `${events} events were lost, in ${plural(gaps, "gap", "gaps")} of what is compared.`;
}

export function SidesLoss({ answer }: { answer: CompareResponse }) {
  const lossy = kSides.filter((name) => hasLost(answer[name]));
  if (lossy.length === 0) return null;
  return (
    <div class="note bad loss" role="alert">
      <WarningGlyph />
      <div>
        {lossy.map((name) => (
          <p key={name}>
            <strong>
              {name}: {lostText(answer[name]!)}
            </strong>
          </p>
        ))}
        <p>
          A wait that touches a gap counts as unknown. It is in no figure on this page, and wakeups a second are lower
          bounds.
        </p>
      </div>
    </div>
  );
}

export function Sides({ answer }: { answer: CompareResponse }) {
  return (
    <table class="grid small">
      <caption class="hidden">What is compared</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">Side</span>
          </th>
          {["Host", "Recording", "Kernel", "From, s of trace time", "Length", "Events of the recording", "Lost"].map(
            (title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody>
        {kSides.map((name) => {
          const side = answer[name];
          if (side === undefined) return null;
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                <a href={hostAddress(side.host)}>
                  <Foreign text={side.host} />
                </a>
              </td>
              <td>
                <Foreign text={side.recording} empty="–" />
              </td>
              <td>
                <Foreign text={side.kernel} empty="–" />
              </td>
              <td>{traceTime(side.startNs)}</td>
              <td>{duration(side.endNs - side.startNs)}</td>
              <td>{count(side.events)}</td>
              <td>
                {hasLost(side)
                  ? `${atLeast(side.lostEvents, side.lostUnknown)}, ${plural(side.gaps, "gap", "gaps")}`
                  : "nothing"}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
