// Order of table rows.

export type Value = bigint | number | string;

export interface Sort {
  column: string;
  descending: boolean;
}

export function compareValues(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return kCollator.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

const kCollator = new Intl.Collator("en", { numeric: true });

/** A sorted copy. Equal rows stand in the order of their keys whatever the direction, so that a live table is calm. */
export function sorted<R>(
  rows: readonly R[],
  value: (row: R) => Value,
  key: (row: R) => Value,
  descending: boolean,
): R[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compareValues(value(a), value(b)) || compareValues(key(a), key(b)));
}

/** The other direction of the same column; a new column starts with its own. */
export function nextSort(sort: Sort, column: string, descendingFirst: boolean): Sort {
  if (sort.column === column) return { column, descending: !sort.descending };
  return { column, descending: descendingFirst };
}

/** `p99` or `-p99`. */
export function parseSort(text: string | null, columns: readonly string[], otherwise: Sort): Sort {
  if (text === null) return otherwise;
  const descending = text.startsWith("-");
  const column = descending ? text.slice(1) : text;
  return columns.includes(column) ? { column, descending } : otherwise;
}

export const sortText = (sort: Sort) => (sort.descending ? `-${sort.column}` : sort.column);
