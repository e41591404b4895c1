// A table as a file: every row that the filter leaves, and figures as the server sent them, not as people read them.

/** null: not known, or not measured. */
export type Cell = bigint | number | string | boolean | null;

export interface Exported {
  names: readonly string[];
  rows: readonly (readonly Cell[])[];
}

/** Spreadsheets take what begins so for a formula, and run it. */
const kFormula = /^[=+\-@\t\r\n＝＋－＠]/;

function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell !== "string") return String(cell);
  const text = kFormula.test(cell) ? `'${cell}` : cell;
  return /[",\r\n\t;']/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180; a text that would be a formula has an apostrophe in front. */
export function toCsv({ names, rows }: Exported): string {
  const lines = [names, ...rows].map((row) => row.map(csvCell).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

/** An array of objects. Whole numbers keep every digit, also those that a double would round. */
export function toJson({ names, rows }: Exported): string {
  const keys = names.map((name) => JSON.stringify(name));
  const cell = (value: Cell) => (typeof value === "bigint" ? String(value) : JSON.stringify(value));
  const lines = rows.map((row) => `  {${row.map((value, i) => `${keys[i]}: ${cell(value)}`).join(", ")}}`);
  return lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`;
}

export interface Format {
  name: string; // on the buttons
  ending: string; // of the file's name
  type: string;
  text(exported: Exported): string;
}

/** Every one is offered for every table. */
export const kFormats: readonly Format[] = [
  { name: "CSV", ending: "csv", type: "text/csv;charset=utf-8", text: toCsv },
  { name: "JSON", ending: "json", type: "application/json", text: toJson },
];

/** Names of columns, each once: a second one of a name has a number behind it. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let i = 2; taken.has(own); i++) own = `${name}_${i}`;
    taken.add(own);
    return own;
  });
}

/** "Wakewatch, build-01, Threads" to wakewatch_build-01_threads. */
export function fileName(parts: readonly string[]): string {
  const clean = parts.map((part) =>
    part
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 60),
  );
  return clean.filter((part) => part !== "").join("_");
}
