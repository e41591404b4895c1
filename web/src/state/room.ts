// Which columns of a table there is room for.

export interface Wanted {
  id: string;
  rem: number;
  /** Left out where there is no room, the greatest first; without it the column always stays. */
  spare?: number;
}

/** Without the spare columns that do not fit; with all where even the others do not, since it scrolls sideways then. */
export function fitting<C extends Wanted>(columns: readonly C[], roomRem: number, sortedBy: string): readonly C[] {
  let needed = columns.reduce((sum, { rem }) => sum + rem, 0);
  const spare = columns
    .filter((one) => one.spare !== undefined && one.id !== sortedBy)
    .sort((a, b) => b.spare! - a.spare!);
  const out = new Set<C>();
  for (const one of spare) {
    if (needed <= roomRem) break;
    out.add(one);
    needed -= one.rem;
  }
  return out.size === 0 || needed > roomRem ? columns : columns.filter((one) => !out.has(one));
}
