// Which rows of a long table are drawn.

export interface Shown {
  first: number;
  last: number; // exclusive
}

const kMargin = 12; // rows above and below, so that a quick scroll meets rows

export function shownRows(rows: number, rowPx: number, scrollPx: number, viewPx: number): Shown {
  const { first, last } = seenRows(rows, rowPx, scrollPx, viewPx);
  return { first: Math.max(0, first - kMargin), last: Math.min(rows, last + kMargin) };
}

/** Without the margin: what must be drawn. */
export function seenRows(rows: number, rowPx: number, scrollPx: number, viewPx: number): Shown {
  const top = Math.max(0, Math.min(scrollPx, rows * rowPx - viewPx));
  return { first: Math.floor(top / rowPx), last: Math.min(rows, Math.ceil((top + viewPx) / rowPx)) };
}

/** Whether what is drawn still does: then a scroll needs no drawing. */
export const covers = (drawn: Shown, seen: Shown) => drawn.first <= seen.first && drawn.last >= seen.last;
