// One table for every list: sortable, with a header that stays, and drawing only the rows in view when there are many.
import { Component, type ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Cell } from "../state/export";
import { fitting } from "../state/room";
import { nextSort, sorted, type Sort, type Value } from "../state/sort";
import { assignSlots, covers, jumped, seenRows, shownRows, type Shown } from "../state/window";
import { ExportMenu } from "./export_menu";
import { exported } from "./exported";

export interface Column<R> {
  id: string;
  title: string;
  /** Columns side by side with the same group share a heading above. */
  group?: string;
  hint?: string;
  rem: number; // width
  /** Left out of the page where there is no room, the greatest first; exports have it always. */
  spare?: number;
  numeric?: boolean;
  /** What the column is sorted by; without it, it is not. */
  value?(row: R): Value;
  cell(row: R): ComponentChildren;
  /** What its cell tells who points at it. A text here costs less than an element in the cell. */
  tip?(row: R): string;
  /** What an export says of it; without it, `value`. */
  raw?(row: R): Cell;
  exportAs?: string; // its name there; without it, `id`
  unit?: "ns"; // of what is exported; it ends its name
  /** What the export has besides, such as the n of a quantile for which the page has no room. */
  also?: readonly { name: string; raw(row: R): Cell }[];
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
  /** No wider than its columns need, though there is room. */
  snug?: boolean;
  /** What is missing from the rows, told beside their export. */
  partly?: string | undefined;
}

const kNoSlots: ReadonlyMap<string, number> = new Map();
const kWindowedFrom = 200;
const kRowPx = 30; // .grid td of the style sheet

export function Table<R>(props: Props<R>) {
  const { rows, rowKey, sort } = props;
  const table = useRef<HTMLDivElement>(null);
  const columns = useFitting(table, props.columns, sort.column);
  const column = props.columns.find(({ id }) => id === sort.column);
  const windowed = rows.length > kWindowedFrom && props.more === undefined;
  const inOrder = useOrder(rows, column?.value, rowKey, sort.descending, windowed);
  const scroller = useRef<HTMLDivElement>(null);
  const { first, last } = useWindow(scroller, windowed, inOrder.length);
  useAside(scroller);
  const drawn = inOrder.slice(first, last);
  const slots = useRef<ReadonlyMap<string, number>>(kNoSlots);
  slots.current = windowed ? assignSlots(slots.current, drawn.map(rowKey)) : kNoSlots;
  const width = columns.reduce((sum, { rem }) => sum + rem, 0);
  const grouped = columns.some(({ group }) => group !== undefined);
  return (
    <div class="table" ref={table}>
      {rows.length > 0 && (
        <ExportMenu
          caption={props.caption}
          rows={inOrder.length}
          partly={props.partly}
          leftOut={props.columns.filter((one) => !columns.includes(one)).map(nameOf)}
          make={() => exported(props.columns, inOrder)}
        />
      )}
      <div
        class={props.snug ? "scroller snug" : "scroller"}
        ref={scroller}
        tabIndex={windowed ? 0 : undefined}
        role={windowed ? "region" : undefined}
        aria-label={windowed ? props.caption : undefined}
      >
        <table
          class="grid"
          style={{ minWidth: `${width}rem`, width: props.snug ? `${width}rem` : undefined }}
          aria-rowcount={inOrder.length + (grouped ? 2 : 1)}
          onMouseOver={tellWhatIsCut}
        >
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
            {drawn.map((row, i) => {
              const key = rowKey(row);
              return (
                <Row
                  key={slots.current.get(key) ?? key}
                  row={row}
                  columns={columns}
                  index={first + i + (grouped ? 3 : 2)}
                  isChosen={props.chosen === key}
                  onOpen={props.onOpen}
                  more={props.more}
                />
              );
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
    </div>
  );
}

const nameOf = <R,>({ group, title }: Column<R>) => (group === undefined ? title : `${group} ${title}`);

/** The columns that the page has room for. */
function useFitting<R>(
  table: { current: HTMLDivElement | null },
  columns: readonly Column<R>[],
  sortedBy: string,
): readonly Column<R>[] {
  const [roomRem, setRoomRem] = useState(Infinity);
  const any = columns.some(({ spare }) => spare !== undefined);
  useLayoutEffect(() => {
    const element = table.current;
    if (!any || element === null) return;
    const measure = () => {
      const remPx = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const scroller = element.querySelector(".scroller");
      // Its frame and its scroll bar take some of it.
      const widthPx = scroller === null || scroller.clientWidth === 0 ? element.clientWidth : scroller.clientWidth;
      setRoomRem(widthPx / remPx);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [any]);
  return useMemo(() => fitting(columns, roomRem, sortedBy), [columns, roomRem, sortedBy]);
}

/** A name that ends in dots is told in full where the pointer rests. */
function tellWhatIsCut(event: MouseEvent): void {
  const cell = (event.target as Element).closest<HTMLElement>("th, td");
  if (cell === null || (cell.title !== "" && cell.dataset.cut === undefined)) return;
  const cut = cell.scrollWidth > cell.clientWidth && cell.querySelector("[title]") === null;
  // Rows are used again for others: what was told of one is not left to the next.
  if (cut) {
    cell.title = cell.innerText;
    cell.dataset.cut = "";
  } else if (cell.dataset.cut !== undefined) {
    cell.removeAttribute("title");
    delete cell.dataset.cut;
  }
}

/** The rows sorted; a live table of many is sorted from where its rows stood. */
function useOrder<R>(
  rows: readonly R[],
  value: ((row: R) => Value) | undefined,
  rowKey: (row: R) => string,
  descending: boolean,
  many: boolean,
): readonly R[] {
  const places = useRef<ReadonlyMap<Value, number>>();
  return useMemo(() => {
    if (value === undefined) return rows;
    const inOrder = sorted(rows, value, rowKey, descending, places.current);
    places.current = many ? new Map(inOrder.map((row, i) => [rowKey(row), i])) : undefined;
    return inOrder;
  }, [rows, value, descending, many]);
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

interface RowProps<R> {
  row: R;
  columns: readonly Column<R>[];
  index: number;
  isChosen: boolean;
  onOpen: ((row: R) => void) | undefined;
  more: ((row: R) => ComponentChildren) | undefined;
}

/** Drawn again only when what it shows can have changed: a scroll moves fifty of them. */
class Row<R> extends Component<RowProps<R>> {
  override shouldComponentUpdate(next: RowProps<R>): boolean {
    const now = this.props;
    return (
      next.more !== undefined ||
      now.row !== next.row ||
      now.columns !== next.columns ||
      now.index !== next.index ||
      now.isChosen !== next.isChosen ||
      (now.onOpen === undefined) !== (next.onOpen === undefined)
    );
  }

  private readonly open = (event: MouseEvent) => {
    const target = event.target as Element;
    // Links and buttons in a row do what they say; a selection of text is not a click.
    if (target.closest("a, button") === null && String(window.getSelection()) === "")
      this.props.onOpen?.(this.props.row);
  };

  override render({ row, columns, index, isChosen, onOpen, more: moreOf }: RowProps<R>) {
    const more = moreOf?.(row);
    const classes = [onOpen && "opens", isChosen && "chosen", more && "has-more"].filter(Boolean).join(" ");
    return (
      <>
        <tr
          class={classes || undefined}
          onClick={onOpen && this.open}
          aria-rowindex={index}
          aria-current={isChosen ? "true" : undefined}
        >
          {columns.map(({ id, numeric, cell, tip }, i) =>
            i === 0 ? (
              <th key={id} scope="row" class={numeric ? "number" : undefined}>
                {cell(row)}
              </th>
            ) : (
              <td key={id} class={numeric ? "number" : undefined} title={tip?.(row)}>
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
}

const kRestMs = 150;

/** Which rows are drawn. A scroll draws anew only when it leaves what is drawn; one that jumps draws no row too many. */
function useWindow(scroller: { current: HTMLDivElement | null }, windowed: boolean, rows: number): Shown {
  const view = useRef({ scrollPx: 0, heightPx: 900, bare: false });
  const rest = useRef<ReturnType<typeof setTimeout>>();
  const [, drawAnew] = useState(0);
  const { scrollPx, heightPx, bare } = view.current;
  const drawn = windowed ? shownRows(rows, kRowPx, scrollPx, heightPx, bare) : { first: 0, last: rows };
  const now = useRef({ drawn, rows });
  now.current = { drawn, rows };
  const read = () => {
    const element = scroller.current;
    if (element === null) return;
    const { scrollTop, clientHeight } = element;
    const seen = seenRows(now.current.rows, kRowPx, scrollTop, clientHeight);
    const bareNow = jumped(now.current.drawn, seen);
    view.current = { scrollPx: scrollTop, heightPx: clientHeight, bare: bareNow };
    if (!covers(now.current.drawn, seen)) drawAnew((n) => n + 1);
    if (!bareNow) return;
    clearTimeout(rest.current);
    rest.current = setTimeout(() => {
      view.current = { ...view.current, bare: false };
      drawAnew((n) => n + 1);
    }, kRestMs);
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
      clearTimeout(rest.current);
      element.removeEventListener("scroll", read);
      observer.disconnect();
    };
  }, [windowed]);
  return drawn;
}

/** Names of rows stay in sight only while they would leave it. */
function useAside(scroller: { current: HTMLDivElement | null }): void {
  useEffect(() => {
    const element = scroller.current!;
    const tell = () => element.classList.toggle("aside", element.scrollLeft > 0);
    element.addEventListener("scroll", tell, { passive: true });
    return () => element.removeEventListener("scroll", tell);
  }, []);
}
