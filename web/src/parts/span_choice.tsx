import { replaceQuery } from "../router";
import { kLastSeconds, type Span } from "../state/span";
import { duration } from "../text/units";
import { WarningGlyph } from "./marks";
import { TimeInput } from "./time_input";

/** Which part of the recording; it is kept in the address. */
export function SpanChoice({ span, query }: { span: Span; query: URLSearchParams }) {
  const custom = span.kind === "between" || span.kind === "wrong";
  const value = custom ? "custom" : span.kind === "last" ? String(span.seconds) : "";
  return (
    <>
      <label>
        Span
        <select
          aria-label="Span"
          value={value}
          onChange={(event) => replaceQuery({ span: event.currentTarget.value, from: undefined, to: undefined })}
        >
          <option value="">all of the recording</option>
          {kLastSeconds.map((seconds) => (
            <option key={seconds} value={String(seconds)}>
              the last {duration(seconds * 1e9)}
            </option>
          ))}
          <option value="custom">from … to …</option>
        </select>
      </label>
      {custom &&
        (["from", "to"] as const).map((name) => (
          <label key={name}>
            {name}
            <TimeInput
              size={16}
              label={`${name}, in seconds of trace time`}
              placeholder={name === "from" ? "its start" : "its end"}
              value={query.get(name) ?? ""}
              onSet={(typed) => replaceQuery({ [name]: typed })}
            />
          </label>
        ))}
      {span.kind === "wrong" && (
        <span role="alert">
          <WarningGlyph /> {span.problem}
        </span>
      )}
    </>
  );
}
