// Who uses this page, so that nobody is offered what the server would refuse.
import type { Role } from "../gen/wakewatch/v1/options_pb";
import { fleet, kUnaryMs } from "./client";
import { usePoll } from "./hooks";

/** Undefined until it is known, and where the server does not tell. */
export function useMay(role: Role): boolean | undefined {
  const { state } = usePoll("caller", (signal) => fleet.getCaller({}, { signal, timeoutMs: kUnaryMs }), Infinity);
  return state?.roles.includes(role);
}
