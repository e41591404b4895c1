// One table for every list: sortable, with a header that stays, and drawing only the rows in view when there are many.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { nextSort, sorted, type Sort, type Value } from "../state/sort";
import { shownRows } from "../state/window";

export interface Column<R> {
  id: string;
  title: string;
  /** Columns side by side with the same group share a heading above. */
  group?: string;
  hint?: string;
  rem: number; // width
  numeric?: boolean;
  /** What the column is sorted by; without it, it is not. */
  value?(row: R): Value;
  cell(row: R): ComponentChildren;
}

interface Props<R> {
  caption: string;
  columns: readonly Column<R>[];
  rows: readonly R[];
  rowKey(row: R): string;
  sort: Sort;
  onSort(sort: Sort): void;
  /** Opens a row; the first cell should hold a link, which is what the keyboard uses. */
  onOpen?(row: R): void;
  chosen?: string;
  /** A second line below a row. */
  more?(row: R): ComponentChildren;
  empty: ComponentChildren;
}

const kWindowedFrom = 200;
const kRowPx = 30; // .grid td of the style sheet

export function Table<R>(props: Props<R>) {
  const { columns, rows, rowKey, sort } = props;
  const column = columns.find(({ id }) => id === sort.column);
  const inOrder = useMemo(() => {
    const value = column?.value;
    return value === undefined ? [...rows] : sorted(rows, value, rowKey, sort.descending);
  }, [rows, column, sort.descending]);
  const windowed = rows.length > kWindowedFrom && props.more === undefined;
  const scroller = useRef<HTMLDivElement>(null);
  const view = useView(scroller, windowed);
  const { first, last } = windowed
    ? shownRows(inOrder.length, kRowPx, view.scrollPx, view.heightPx)
    : { first: 0, last: inOrder.length };
  const width = columns.reduce((sum, { rem }) => sum + rem, 0);
  const grouped = columns.some(({ group }) => group !== undefined);
  return (
    <div
      class="scroller"
      ref={scroller}
      tabIndex={windowed ? 0 : undefined}
      role={windowed ? "region" : undefined}
      aria-label={windowed ? props.caption : undefined}
    >
      <table class="grid" style={{ minWidth: `${width}rem` }} aria-rowcount={inOrder.length + (grouped ? 2 : 1)}>
        <caption class="hidden">{props.caption}</caption>
        <colgroup>
          {columns.map(({ id, rem }) => (
            <col key={id} style={{ width: `${rem}rem` }} />
          ))}
        </colgroup>
        <thead>
          {grouped && (
            <tr class="groups">
              {groupsOf(columns).map(({ name, span }, i) =>
                name === undefined ? (
                  <td key={i} colSpan={span} />
                ) : (
                  <th key={i} colSpan={span} scope="colgroup">
                    {name}
                  </th>
                ),
              )}
            </tr>
          )}
          <tr>
            {columns.map((one) => (
              <Head key={one.id} column={one} sort={sort} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="filler" aria-hidden="true" style={{ height: `${first * kRowPx}px` }} />}
          {inOrder.slice(first, last).map((row, i) => {
            const key = rowKey(row);
            return <Row key={key} id={key} row={row} index={first + i + (grouped ? 3 : 2)} {...props} />;
          })}
          {last < inOrder.length && (
            <tr class="filler" aria-hidden="true" style={{ height: `${(inOrder.length - last) * kRowPx}px` }} />
          )}
          {inOrder.length === 0 && (
            <tr>
              <td class="none" colSpan={columns.length}>
                {props.empty}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function groupsOf<R>(columns: readonly Column<R>[]): { name: string | undefined; span: number }[] {
  const groups: { name: string | undefined; span: number }[] = [];
  for (const { group } of columns) {
    const current = groups.at(-1);
    if (current !== undefined && current.name === group) current.span++;
    else groups.push({ name: group, span: 1 });
  }
  return groups;
}

function Head<R>({ column, sort, onSort }: { column: Column<R>; sort: Sort; onSort(sort: Sort): void }) {
  const kind = column.numeric ? "number" : undefined;
  if (column.value === undefined)
    return (
      <th scope="col" class={kind} title={column.hint}>
        {column.title}
      </th>
    );
  const active = sort.column === column.id;
  const order = !active ? "none" : sort.descending ? "descending" : "ascending";
  return (
    <th scope="col" class={kind} aria-sort={order} title={column.hint}>
      <button type="button" class="sorter" onClick={() => onSort(nextSort(sort, column.id, column.numeric === true))}>
        {column.title}
        <span class="arrow" aria-hidden="true">
          {!active ? "" : sort.descending ? "▾" : "▴"}
        </span>
      </button>
    </th>
  );
}

function Row<R>(props: Props<R> & { id: string; row: R; index: number }) {
  const { row, columns, onOpen, chosen, id } = props;
  const more = props.more?.(row);
  const open = (event: MouseEvent) => {
    const target = event.target as Element;
    // Links and buttons in a row do what they say; a selection of text is not a click.
    if (target.closest("a, button") === null && String(window.getSelection()) === "") onOpen?.(row);
  };
  const classes = [onOpen && "opens", chosen === id && "chosen", more && "has-more"].filter(Boolean).join(" ");
  return (
    <>
      <tr
        class={classes || undefined}
        onClick={onOpen && open}
        aria-rowindex={props.index}
        aria-current={chosen === id ? "true" : undefined}
      >
        {columns.map(({ id: name, numeric, cell }, i) =>
          i === 0 ? (
            <th key={name} scope="row" class={numeric ? "number" : undefined}>
              {cell(row)}
            </th>
          ) : (
            <td key={name} class={numeric ? "number" : undefined}>
              {cell(row)}
            </td>
          ),
        )}
      </tr>
      {more && (
        <tr class="more">
          <td colSpan={columns.length}>{more}</td>
        </tr>
      )}
    </>
  );
}

function useView(scroller: { current: HTMLDivElement | null }, windowed: boolean) {
  const [view, setView] = useState({ scrollPx: 0, heightPx: 900 });
  const read = () => {
    const element = scroller.current;
    if (element !== null) setView({ scrollPx: element.scrollTop, heightPx: element.clientHeight });
  };
  useLayoutEffect(() => {
    if (windowed) read();
  }, [windowed]);
  useEffect(() => {
    const element = scroller.current;
    if (!windowed || element === null) return;
    element.addEventListener("scroll", read, { passive: true });
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", read);
      observer.disconnect();
    };
  }, [windowed]);
  return view;
}
