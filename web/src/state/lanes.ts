// Where marks on lanes are drawn, so that none hides another of its lane.

export interface Mark {
  lane: number;
  x: number;
}

/** The marks' places, in their order: nearest to where they belong, at least `gap` apart where there is room. */
export function spread(marks: readonly Mark[], gap: number, min: number, max: number): number[] {
  const xs = marks.map(({ x }) => x);
  for (const lane of new Set(marks.map((mark) => mark.lane))) {
    const order = [...marks.keys()].filter((i) => marks[i]!.lane === lane).sort((a, b) => xs[a]! - xs[b]!);
    const step = Math.min(gap, (max - min) / Math.max(1, order.length - 1));
    let least = min;
    for (const i of order) {
      xs[i] = Math.max(xs[i]!, least);
      least = xs[i]! + step;
    }
    let most = max;
    for (const i of order.reverse()) {
      xs[i] = Math.min(xs[i]!, most);
      most = xs[i]! - step;
    }
  }
  return xs;
}
