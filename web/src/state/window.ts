// Which rows of a long table are drawn.

export interface Shown {
  first: number;
  last: number; // exclusive
}

const kMargin = 12; // rows above and below, so that a quick scroll meets rows

export function shownRows(rows: number, rowPx: number, scrollPx: number, viewPx: number): Shown {
  const top = Math.max(0, Math.min(scrollPx, rows * rowPx - viewPx));
  const first = Math.max(0, Math.floor(top / rowPx) - kMargin);
  const last = Math.min(rows, Math.ceil((top + viewPx) / rowPx) + kMargin);
  return { first, last };
}
