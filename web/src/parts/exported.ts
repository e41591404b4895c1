// What a table's columns say in an export.
import { distinct, type Cell, type Exported } from "../state/export";
import type { Column } from "./table";

/** A column that only shows something (a bar, a picture) has nothing to say and is left out. */
export function exported<R>(columns: readonly Column<R>[], rows: readonly R[]): Exported {
  const said: { name: string; raw(row: R): Cell }[] = [];
  for (const column of columns) {
    const raw = column.raw ?? column.value;
    const name = column.exportAs ?? column.id.replaceAll(".", "_");
    if (raw !== undefined) said.push({ name: column.unit === undefined ? name : `${name}_${column.unit}`, raw });
    said.push(...(column.also ?? []));
  }
  return { names: distinct(said.map(({ name }) => name)), rows: rows.map((row) => said.map(({ raw }) => raw(row))) };
}
