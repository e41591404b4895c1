// Queries that the user keeps in this browser.

export interface SavedQuery {
  name: string;
  sql: string;
}

const kKey = "wakewatch.sql.saved";
const kMost = 200;

function isSaved(one: unknown): one is SavedQuery {
  const { name, sql } = (one ?? {}) as Partial<SavedQuery>;
  return typeof name === "string" && typeof sql === "string";
}

/** By name. What is there and is not ours is passed over. */
export function savedQueries(): SavedQuery[] {
  try {
    const all: unknown = JSON.parse(localStorage.getItem(kKey) ?? "[]");
    return Array.isArray(all) ? all.filter(isSaved).slice(0, kMost) : [];
  } catch {
    return [];
  }
}

/** One of the same name is replaced. False where the browser keeps nothing. */
export function keep(queries: readonly SavedQuery[]): boolean {
  try {
    localStorage.setItem(kKey, JSON.stringify(queries.slice(0, kMost)));
    return true;
  } catch {
    return false;
  }
}

export function withQuery(queries: readonly SavedQuery[], added: SavedQuery): SavedQuery[] {
  const others = queries.filter(({ name }) => name !== added.name);
  return [...others, added].sort((a, b) => (a.name < b.name ? -1 : 1));
}
