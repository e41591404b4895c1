// Points of trace time, told as the user wants all of them.
import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { replaceQuery } from "../router";
import {
  isTimeMode,
  kNoTraceClock,
  kTimeModes,
  traceTimeIn,
  type TimeMode,
  type TraceClock,
} from "../text/clock_modes";
import { traceTime } from "../text/times";
import { useServerNow } from "./clock";

const kKey = "wakewatch.times";
const kNames: Record<TimeMode, string> = { trace: "trace clock", wall: "wall clock", relative: "relative" };

export const Times = createContext<TimeMode>("trace");
export const Clock = createContext<TraceClock>(kNoTraceClock);

function remembered(): TimeMode {
  try {
    const mode = localStorage.getItem(kKey);
    return isTimeMode(mode) ? mode : "trace";
  } catch {
    return "trace";
  }
}

/** What the address says holds; what it does not say is as it was the last time. */
export function useTimes(query: URLSearchParams): TimeMode {
  const named = query.get("times");
  const [kept, setKept] = useState(remembered);
  useEffect(() => {
    if (!isTimeMode(named)) return;
    setKept(named);
    try {
      localStorage.setItem(kKey, named);
    } catch {
      // Storage is forbidden: the address keeps it.
    }
  }, [named]);
  return isTimeMode(named) ? named : kept;
}

export function TimesSwitch({ mode }: { mode: TimeMode }) {
  return (
    <label class="times">
      <span class="hidden">Times</span>
      <select
        aria-label="Times"
        title="How times are told"
        value={mode}
        onChange={(event) => replaceQuery({ times: event.currentTarget.value })}
      >
        {kTimeModes.map((one) => (
          <option key={one} value={one}>
            {kNames[one]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A point of trace time. */
export function At({ ns }: { ns: bigint }) {
  const [mode, clock, now] = [useContext(Times), useContext(Clock), useServerNow()];
  return <span title={`${traceTime(ns)} s of trace time`}>{traceTimeIn(mode, ns, clock, now)}</span>;
}

/** Whose trace times the children tell. */
export function OfClock({ clock, children }: { clock: TraceClock; children: ComponentChildren }) {
  return <Clock.Provider value={clock}>{children}</Clock.Provider>;
}
