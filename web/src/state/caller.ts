// Who is signed in, in words.
import { Role } from "../gen/wakewatch/v1/options_pb";
import type { GetCallerResponse } from "../gen/wakewatch/v1/fleet_pb";

const kRoleWords: Record<Role, string> = {
  [Role.UNSPECIFIED]: "",
  [Role.INGEST]: "deliver as a collector",
  [Role.IMPORT]: "import recordings",
  [Role.READ]: "read",
  [Role.ADMIN]: "change what is kept here",
};

export interface CallerWords {
  name: string;
  may: string; // a sentence
  canSignOut: boolean;
}

/** undefined: the server asks nobody who they are, so there is nothing to show. */
export function callerWords({ name, roles, signedIn }: GetCallerResponse): CallerWords | undefined {
  if (name === "") return undefined;
  const may = roles.map((role) => kRoleWords[role] ?? "").filter((words) => words !== "");
  return { name, may: may.length === 0 ? "May do nothing" : `May ${may.join(", ")}`, canSignOut: signedIn };
}
