// Quantities as people read them. Wire values are bigint; a double holds 104 days of nanoseconds exactly, and everything
// here keeps three digits.

export type Amount = bigint | number;

const kNarrowSpace = "\u202f";

/** Three significant digits: 1.23, 12.3, 123. */
function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  if (value >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}

interface Step {
  size: number;
  unit: string;
}

/** The largest step that the value fills after rounding, so that 999.6 of one unit becomes 1.00 of the next. */
function scaled(value: number, steps: readonly Step[]): string {
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    const next = steps[i + 1];
    const amount = value / step.size;
    if (next === undefined || Math.round(amount) < next.size / step.size) {
      const text = step.size === 1 ? String(Math.round(amount)) : threeDigits(amount);
      return `${text}${kNarrowSpace}${step.unit}`.trim();
    }
  }
  return String(value);
}

const kTimes: readonly Step[] = [
  { size: 1, unit: "ns" },
  { size: 1e3, unit: "µs" },
  { size: 1e6, unit: "ms" },
  { size: 1e9, unit: "s" },
];

/** 950 ns, 1.23 µs, 45.6 ms, 7.89 s, 2 min 05 s, 3 h 07 min, 4 d 2 h. */
export function duration(ns: Amount): string {
  const value = Number(ns);
  if (!Number.isFinite(value)) return "–";
  if (value < 0) return `−${duration(-value)}`;
  if (value < 120e9) return scaled(value, kTimes);
  const seconds = Math.round(value / 1e9);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const pad = (n: number) => String(n).padStart(2, "0");
  if (hours === 0) return `${minutes}${kNarrowSpace}min ${pad(seconds % 60)}${kNarrowSpace}s`;
  if (hours < 48) return `${hours}${kNarrowSpace}h ${pad(minutes % 60)}${kNarrowSpace}min`;
  return `${Math.floor(hours / 24)}${kNarrowSpace}d ${hours % 24}${kNarrowSpace}h`;
}

/** Every digit, in groups of three. */
export function count(value: Amount): string {
  const digits = String(typeof value === "bigint" ? value : Math.round(value));
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, kNarrowSpace);
}

const kCounts: readonly Step[] = [
  { size: 1, unit: "" },
  { size: 1e3, unit: "k" },
  { size: 1e6, unit: "M" },
  { size: 1e9, unit: "G" },
  { size: 1e12, unit: "T" },
];

/** 950, 1.23 k, 45.6 M: where the size matters and the digits do not. */
export function roughCount(value: Amount): string {
  return scaled(Number(value), kCounts);
}

const kBytes: readonly Step[] = kCounts.map(({ size, unit }) => ({ size, unit: `${unit}B` }));

export function bytes(value: Amount): string {
  return scaled(Number(value), kBytes);
}

/** `≥` before a count of which some part was never counted. */
export function atLeast(value: Amount, unknown: boolean): string {
  return unknown ? `≥${kNarrowSpace}${count(value)}` : count(value);
}

/** 45.2 %. What is not nothing is not 0 %, and what is not all is not 100 %. */
export function share(part: Amount, whole: Amount): string {
  const percent = (100 * Number(part)) / Number(whole);
  if (!Number.isFinite(percent)) return "–";
  if (percent > 0 && percent < 0.1) return `<0.1${kNarrowSpace}%`;
  if (percent > 99.9 && part < whole) return `>99.9${kNarrowSpace}%`;
  return `${percent.toFixed(percent === 0 || percent === 100 ? 0 : 1)}${kNarrowSpace}%`;
}

export function plural(value: Amount, one: string, many: string): string {
  return `${count(value)} ${Number(value) === 1 ? one : many}`;
}
