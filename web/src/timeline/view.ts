// Which part of a recording is shown: arithmetic only. Times are nanoseconds since the origin of the page, the start of
// its recording, so that a double holds each of them exactly for 104 days.

export interface View {
  start: number;
  end: number;
}

export const kSpanMinNs = 200;
const kMargin = 0.02; // of the recording, that may be seen on either side of it

export const spanOf = (view: View) => view.end - view.start;
export const sameView = (a: View, b: View) => a.start === b.start && a.end === b.end;

/** Inside the bounds with a margin, and no shorter than can be told apart; whole nanoseconds. */
export function clamp(view: View, bounds: View): View {
  const margin = Math.max(kSpanMinNs, spanOf(bounds) * kMargin);
  const low = bounds.start - margin;
  const high = Math.max(bounds.end + margin, low + kSpanMinNs);
  const middle = (view.start + view.end) / 2;
  const span = Math.min(Math.max(spanOf(view), kSpanMinNs), high - low);
  const start = Math.round(Math.min(Math.max(middle - span / 2, low), high - span));
  return { start, end: Math.round(start + span) };
}

/** `factor` below 1 shows less. What is at `at` stays where it is, as far as the bounds let it. */
export function zoomAt(view: View, factor: number, at: number, bounds: View): View {
  const span = Math.max(spanOf(view) * factor, kSpanMinNs);
  const share = (at - view.start) / spanOf(view);
  const start = at - share * span;
  return clamp({ start, end: start + span }, bounds);
}

export function panBy(view: View, ns: number, bounds: View): View {
  return clamp({ start: view.start + ns, end: view.end + ns }, bounds);
}

/** All of it with a tenth of room on either side; an instant is shown with its surroundings. */
export function fit(start: number, end: number, bounds: View): View {
  const room = Math.max((end - start) * 0.1, kSpanMinNs);
  return clamp({ start: start - room, end: end + room }, bounds);
}

/** Moves as little as is needed to see [start, end), or its start where it is longer than the view. */
export function reveal(view: View, start: number, end: number, bounds: View): View {
  const span = spanOf(view);
  const room = span * 0.05;
  if (start >= view.start && end <= view.end) return view;
  if (end - start >= span) {
    if (start < view.end && end > view.start) return view;
    return clamp({ start: start - room, end: start - room + span }, bounds);
  }
  const to = start < view.start ? start - room : end + room - span;
  return clamp({ start: to, end: to + span }, bounds);
}

export const xOf = (view: View, width: number, ns: number) => ((ns - view.start) / (view.end - view.start)) * width;
export const nsAt = (view: View, width: number, x: number) => view.start + (x / width) * (view.end - view.start);

/** Steps of 1, 2 or 5 times a power of ten, at least `gap` pixels apart. Whole nanoseconds. */
export function tickStep(view: View, width: number, gap: number): number {
  const least = Math.max(1, (spanOf(view) * gap) / Math.max(1, width));
  const power = 10 ** Math.floor(Math.log10(least));
  for (const times of [1, 2, 5]) if (power * times >= least) return power * times;
  return power * 10;
}

/** The ticks in view. `zero` is on the grid. */
export function ticksOf(view: View, step: number, zero: number): number[] {
  const ticks: number[] = [];
  for (let i = Math.ceil((view.start - zero) / step); zero + i * step <= view.end; i++) ticks.push(zero + i * step);
  return ticks;
}
