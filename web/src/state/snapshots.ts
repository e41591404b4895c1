// What /proc said of a task.

/** "S (sleeping)" of a /proc/PID/status; empty where it does not say. */
export function stateOf(status: string): string {
  return /^State:\s*(.*)$/m.exec(status)?.[1]?.trim() ?? "";
}

/** wchan is "0" where a task does not sleep in the kernel, or where it may not be seen. */
export function placeOf(wchan: string): string {
  const place = wchan.trim();
  return place === "0" ? "" : place;
}

const kRoles: Record<string, string> = { suspect: "The suspect", waker: "Its usual waker" };
export const roleWords = (role: string): string => kRoles[role] ?? role;
