// Loss first: what is missing is said above everything that was measured.
import type { Host, Recording } from "../gen/wakewatch/v1/fleet_pb";
import { atLeast, plural } from "../text/units";
import { WarningGlyph } from "./marks";

const kConsequence =
  "A wait that touches a gap counts as unknown (“voided”). It is never measured, and it is in no figure and no " +
  "finding on this page.";

export function LossBanner({ host }: { host: Host }) {
  const lost = host.lostEvents > 0n || host.lostUnknown;
  return (
    <div class="note bad loss" role="alert">
      <WarningGlyph />
      <div>
        <p>
          <strong>
            {lost ? `${atLeast(host.lostEvents, host.lostUnknown)} events were lost` : "Events are missing"}
            {` in ${plural(host.gaps, "gap", "gaps")} of this recording`}
          </strong>
          {host.lostUnknown ? "; of some gaps nobody counted how many." : "."}
          {host.droppedEvents > 0n &&
            ` The collector dropped ${plural(host.droppedEvents, "event", "events")} because its queue was full.`}
        </p>
        <p>{kConsequence}</p>
      </div>
    </div>
  );
}

/** Of an older recording only the number of its gaps is told. */
export function RecordingLoss({ recording }: { recording: Recording }) {
  return (
    <div class="note bad loss" role="alert">
      <WarningGlyph />
      <div>
        <p>
          <strong>Events are missing in {plural(recording.gaps, "gap", "gaps")} of this recording.</strong>
        </p>
        <p>{kConsequence}</p>
      </div>
    </div>
  );
}
