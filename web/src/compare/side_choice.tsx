// One side of a comparison: whose recording, which one, and which part of it.
import type { Recording } from "../gen/wakewatch/v1/fleet_pb";
import { WarningGlyph } from "../parts/marks";
import { TimeInput } from "../parts/time_input";
import { replaceQuery } from "../router";
import { wallTime } from "../text/times";
import { plural } from "../text/units";
import { visible } from "../text/visible";
import { recordingText, type Side, type SideName } from "./side";

interface Props {
  name: SideName;
  side: Side;
  query: URLSearchParams;
  hosts: readonly string[];
  recordings: readonly Recording[]; // of all hosts, the newest first
}

function labelOf({ id, startRealNs, gaps, live }: Recording): string {
  const parts = [visible(id)];
  if (startRealNs !== 0n) parts.push(`from ${wallTime(startRealNs, 0)}`);
  if (live) parts.push("it grows");
  if (gaps > 0n) parts.push(plural(gaps, "gap", "gaps"));
  return parts.join(", ");
}

export function SideChoice({ name, side, query, hosts, recordings }: Props) {
  const own = recordings.filter(({ host }) => host === side.host);
  const listed = side.recording === "" || own.some(({ id }) => id === side.recording);
  const names = side.host === "" || hosts.includes(side.host) ? hosts : [side.host, ...hosts];
  // Trace times of one recording mean nothing in another.
  const choose = (host: string, recording: string) =>
    replaceQuery({
      [name]: recordingText(host, recording),
      [`${name}_since`]: undefined,
      [`${name}_until`]: undefined,
    });
  return (
    <fieldset class="side">
      <legend>{name}</legend>
      <label>
        Host
        <select
          aria-label={`Host, ${name}`}
          value={side.host}
          onChange={(event) => choose(event.currentTarget.value, "")}
        >
          <option value="">choose one</option>
          {names.map((host) => (
            <option key={host} value={host}>
              {visible(host)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Recording
        <select
          aria-label={`Recording, ${name}`}
          value={side.recording}
          disabled={side.host === ""}
          onChange={(event) => choose(side.host, event.currentTarget.value)}
        >
          <option value="">the newest</option>
          {!listed && <option value={side.recording}>{visible(side.recording)}</option>}
          {own.map((one) => (
            <option key={one.id} value={one.id}>
              {labelOf(one)}
            </option>
          ))}
        </select>
      </label>
      {(["since", "until"] as const).map((end) => (
        <label key={end}>
          {end}
          <TimeInput
            size={14}
            label={`${end}, ${name}, in seconds of trace time`}
            placeholder={end === "since" ? "its start" : "its end"}
            value={query.get(`${name}_${end}`) ?? ""}
            onSet={(typed) => replaceQuery({ [`${name}_${end}`]: typed })}
          />
        </label>
      ))}
      {side.problem !== "" && (
        <span role="alert">
          <WarningGlyph /> {side.problem}
        </span>
      )}
    </fieldset>
  );
}
