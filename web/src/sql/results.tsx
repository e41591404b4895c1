// What a query answered: how it went, its rows, and a picture of them.
import { useMemo, useState } from "preact/hooks";
import { WarningGlyph } from "../parts/marks";
import { Table, type Column } from "../parts/table";
import { Foreign } from "../parts/text";
import { isNs, type SqlCell, type SqlRow } from "../state/sql";
import { count, duration, plural } from "../text/units";
import { visible } from "../text/visible";
import type { Answer } from "./run";

interface Row {
  number: number;
  cells: SqlRow;
}

const kSampled = 200;
const kRemOfCharacter = 0.58;
const kRemOfDigit = 0.65; // a digit that is cut away makes another number

function widthOf(name: string, column: number, rows: readonly SqlRow[], isNumber: boolean): number {
  const longest = rows.slice(0, kSampled).reduce((most, row) => Math.max(most, String(row[column] ?? "").length), 4);
  const cellRem = longest * (isNumber ? kRemOfDigit : kRemOfCharacter);
  return Math.min(32, Math.max((name.length + 2) * kRemOfCharacter, cellRem) + 1.2);
}

function CellText({ cell, column }: { cell: SqlCell; column: string }) {
  if (cell === null) return <span class="quiet">NULL</span>;
  if (typeof cell === "string") {
    return (
      <span title={visible(cell)}>
        <Foreign text={cell} empty="(empty)" />
      </span>
    );
  }
  const plain = String(cell);
  return isNs(column) ? <span title={duration(cell)}>{plain}</span> : <>{plain}</>;
}

function columnsOf(names: readonly string[], rows: readonly SqlRow[]): Column<Row>[] {
  const number: Column<Row> = { id: "row", title: "#", rem: 4.2, numeric: true, cell: (row) => row.number };
  return [
    number,
    ...names.map((name, i): Column<Row> => {
      const isNumber = rows.slice(0, kSampled).some((row) => typeof row[i] === "bigint" || typeof row[i] === "number");
      return {
        id: `c${i}`,
        title: visible(name),
        exportAs: name,
        rem: widthOf(name, i, rows, isNumber),
        numeric: isNumber,
        // NULL stands below everything, as SQLite has it.
        value: ({ cells }) => cells[i] ?? -Infinity,
        raw: ({ cells }) => cells[i] ?? null,
        cell: ({ cells }) => <CellText cell={cells[i] ?? null} column={name} />,
      };
    }),
  ];
}

const kUnsorted = { column: "", descending: false };

export function Results({ answer, onCancel }: { answer: Answer; onCancel(): void }) {
  const [sort, setSort] = useState(kUnsorted);
  const { columns, rows, phase } = answer;
  const shown = useMemo(() => rows.map((cells, i): Row => ({ number: i + 1, cells })), [rows]);
  const firstRows = rows.length < kSampled ? rows.length : kSampled;
  const tableColumns = useMemo(() => columnsOf(columns, rows), [columns, firstRows]);
  return (
    <>
      <Told answer={answer} onCancel={onCancel} />
      {columns.length > 0 && (rows.length > 0 || phase === "done") && (
        <Table
          caption="Rows of the query"
          snug
          columns={tableColumns}
          rows={shown}
          rowKey={(row) => String(row.number)}
          sort={sort}
          onSort={setSort}
          partly={partlyOf(answer)}
          empty="The query is fine and there is no such row."
        />
      )}
    </>
  );
}

function partlyOf({ phase, end }: Answer): string | undefined {
  if (phase === "running") return "those that have come";
  if (phase !== "done") return "those that came before it ended";
  return end?.truncated ? "as many as were allowed, there are more" : undefined;
}

function Told({ answer, onCancel }: { answer: Answer; onCancel(): void }) {
  const { phase, rows, end, problem, asked, tookMs } = answer;
  const seconds = `${(tookMs / 1000).toFixed(tookMs < 10_000 ? 2 : 1)}\u202fs`;
  return (
    <>
      {problem !== undefined && (
        <div class="note bad" role="alert">
          <WarningGlyph />
          <div>
            <p>
              <strong>{problem.title}.</strong> {problem.remedy}
            </p>
            <p>
              <code>
                <Foreign text={problem.words} empty="The server said nothing." />
              </code>
            </p>
          </div>
        </div>
      )}
      {end?.truncated === true && (
        <div class="note warn">
          <WarningGlyph />
          <span>
            <strong>Truncated:</strong> there are more rows than the {count(end.rows)} that one query may answer here.
            Add a LIMIT, an aggregate, or a range of ts.
          </span>
        </div>
      )}
      {end !== undefined && end.chunksUnreadable > 0n && (
        <div class="note bad">
          <WarningGlyph />
          <span>
            {plural(end.chunksUnreadable, "chunk", "chunks")} did not validate: events of it may be missing from the
            answer.
          </span>
        </div>
      )}
      <p class="sql-told" role="status">
        {phase === "running" && (
          <>
            <button type="button" onClick={onCancel}>
              Cancel
            </button>{" "}
            running, {plural(rows.length, "row", "rows")} so far
          </>
        )}
        {phase === "done" && `${plural(rows.length, "row", "rows")} in ${seconds}`}
        {phase === "cancelled" && `Cancelled after ${seconds}; ${plural(rows.length, "row", "rows")} had come`}
        {phase === "failed" &&
          (rows.length > 0 ? `${plural(rows.length, "row", "rows")} had come before` : "No row came")}
        {phase === "done" && end !== undefined && end.parts > 1 && (
          <span class="quiet">
            {" "}
            of part {end.part} of {end.parts} of the recording
          </span>
        )}
        <span class="quiet">
          {" "}
          (at most {count(asked.rowsMax)} rows, {count(asked.secondsMax)}
          {"\u202f"}s)
        </span>
      </p>
    </>
  );
}
