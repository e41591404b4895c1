// Which rows of a long table are drawn.

export interface Shown {
  first: number;
  last: number; // exclusive
}

const kMargin = 8; // rows above and below, so that a quick scroll meets rows

/** `bare`: only what is seen. */
export function shownRows(rows: number, rowPx: number, scrollPx: number, viewPx: number, bare = false): Shown {
  const { first, last } = seenRows(rows, rowPx, scrollPx, viewPx);
  const margin = bare ? 0 : kMargin;
  return { first: Math.max(0, first - margin), last: Math.min(rows, last + margin) };
}

/** Without the margin: what must be drawn. */
export function seenRows(rows: number, rowPx: number, scrollPx: number, viewPx: number): Shown {
  const top = Math.max(0, Math.min(scrollPx, rows * rowPx - viewPx));
  return { first: Math.floor(top / rowPx), last: Math.min(rows, Math.ceil((top + viewPx) / rowPx)) };
}

/** Whether what is drawn still does: then a scroll needs no drawing. */
export const covers = (drawn: Shown, seen: Shown) => drawn.first <= seen.first && drawn.last >= seen.last;

/** Whether nothing that is seen is drawn: then a margin of rows is a cost without a use, the next jump leaves it behind. */
export const jumped = (drawn: Shown, seen: Shown) => drawn.last <= seen.first || drawn.first >= seen.last;

/**
 * Which slot of the page draws which row. A row that stays keeps its slot; a new one takes that of a row that went, so that
 * its cells are written anew instead of being made. Slots are small numbers from 0.
 */
export function assignSlots(before: ReadonlyMap<string, number>, keys: readonly string[]): Map<string, number> {
  const slots = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of keys) {
    const slot = before.get(key);
    if (slot === undefined || taken.has(slot)) continue;
    slots.set(key, slot);
    taken.add(slot);
  }
  let free = 0;
  for (const key of keys) {
    if (slots.has(key)) continue;
    while (taken.has(free)) free++;
    slots.set(key, free);
    taken.add(free);
  }
  return slots;
}
