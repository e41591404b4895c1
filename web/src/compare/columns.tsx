// The columns of the tables that lay two recordings side by side.
import type { Column } from "../parts/table";
import { Figure, Foreign } from "../parts/text";
import { count, duration, roughCount } from "../text/units";
import {
  changeOf,
  differenceText,
  kChangeWords,
  moreNs,
  pText,
  ratio,
  sureness,
  type Measure,
  type Quantile,
} from "./change";
import { ChangeMark } from "./change_mark";

const kSides = ["before", "after"] as const;
const kChangeHint =
  "Whether the difference of the two distributions can be chance: longer and shorter where p is at most 0.01 after " +
  "Holm’s correction for everything that this page compares";
const kLongerHint =
  "Of all pairs of one wait of each side, in how many the one of after is longer; 50 % is no difference";

function quantileColumns(quantile: Quantile, title: string): Column<Measure>[] {
  return [
    ...kSides.map((side) => ({
      id: `${title}.${side}`,
      title: side,
      group: title,
      rem: 5.4,
      numeric: true,
      unit: "ns" as const,
      raw: ({ times }: Measure) => (times[side]?.n ? times[side][quantile] : null),
      value: ({ times }: Measure) => (times[side]?.n ? times[side][quantile] : -1n),
      cell: ({ times }: Measure) => <Figure text={duration(times[side]?.[quantile] ?? 0n)} none={!times[side]?.n} />,
    })),
    {
      id: `${title}.ratio`,
      title: "ratio",
      group: title,
      hint: "After by before",
      rem: 4.6,
      numeric: true,
      value: ({ times }) => ratio(times, quantile) ?? -1,
      raw: ({ times }) => {
        const factor = ratio(times, quantile);
        return factor === undefined || !Number.isFinite(factor) ? null : factor;
      },
      cell: ({ times }) => {
        const text = differenceText(times, quantile)?.ratio;
        return <Figure text={text ?? ""} none={text === undefined} />;
      },
    },
    {
      id: `${title}.more`,
      unit: "ns",
      raw: ({ times }) => moreNs(times, quantile) ?? null,
      title: "difference",
      group: title,
      hint: "After less before",
      rem: 6.3,
      numeric: true,
      value: ({ times }) => {
        const more = moreNs(times, quantile);
        return more === undefined ? Number.NEGATIVE_INFINITY : Number(more);
      },
      cell: ({ times }) => {
        const text = differenceText(times, quantile)?.more;
        return <Figure text={text ?? ""} none={text === undefined} />;
      },
    },
  ];
}

const kSignificance: readonly Column<Measure>[] = [
  {
    id: "change",
    title: "Change",
    rem: 10.4,
    numeric: false,
    hint: kChangeHint,
    value: sureness,
    raw: ({ times }) => kChangeWords[changeOf(times)],
    cell: ({ times }) => <ChangeMark change={changeOf(times)} />,
  },
  {
    id: "p",
    title: "p, with both n",
    rem: 13.2,
    hint: "Of a two-sided Mann-Whitney test, corrected; with the waits on each side",
    value: ({ times }) => times.pAdjusted ?? 2,
    exportAs: "p_adjusted",
    raw: ({ times }) => times.pAdjusted ?? null,
    also: [
      { name: "p", raw: ({ times }) => times.pValue ?? null },
      ...kSides.map((side) => ({ name: `n_${side}`, raw: ({ times }: Measure) => times[side]?.n ?? 0n })),
    ],
    cell: ({ times }) => {
      const n = (text: (value: bigint) => string) => kSides.map((side) => text(times[side]?.n ?? 0n)).join(" + ");
      const p = times.pAdjusted === undefined ? "no p" : `p ${pText(times.pAdjusted)}`;
      return (
        <span class={times.pAdjusted === undefined ? "quiet" : undefined} title={`${p}, n ${n(count)}`}>
          {`${p}, n ${n((value) => (value < 100_000n ? count(value) : roughCount(value)))}`}
        </span>
      );
    },
  },
];

const kLonger: Column<Measure> = {
  id: "longer",
  title: "Longer in",
  rem: 6.4,
  numeric: true,
  hint: kLongerHint,
  value: ({ times }) => (times.before?.n && times.after?.n ? times.longer : -1),
  raw: ({ times }) => (times.before?.n && times.after?.n ? times.longer : null),
  cell: ({ times }) => (
    <Figure text={`${(100 * times.longer).toFixed(0)}\u202f%`} none={!times.before?.n || !times.after?.n} />
  ),
};

const kQuantiles = [...quantileColumns("p50Ns", "p50"), ...quantileColumns("p99Ns", "p99")];

function pairColumn(
  id: string,
  title: string,
  hint: string,
  of: (row: Measure) => [number, number],
  digits: number,
  spare: number,
) {
  const text = (value: number) => (digits === 0 ? count(value) : value.toFixed(digits));
  return {
    id,
    title,
    hint,
    rem: 7.4,
    spare,
    numeric: true,
    value: (row: Measure) => of(row)[1] - of(row)[0],
    exportAs: `${id}_before`,
    raw: (row: Measure) => of(row)[0],
    also: [{ name: `${id}_after`, raw: (row: Measure) => of(row)[1] }],
    cell: (row: Measure) => of(row).map(text).join(" → "),
  };
}

const measureColumn: Column<Measure> = {
  id: "measure",
  title: "What",
  rem: 7.8,
  value: ({ measure }) => measure,
  cell: ({ measure }) => measure,
};
const nameColumn = (title: string, rem: number): Column<Measure> => ({
  id: "name",
  title,
  rem,
  value: ({ name }) => name,
  cell: ({ name }) => <Foreign text={name} />,
});

export const kThreadColumns: readonly Column<Measure>[] = [
  nameColumn("Thread", 11.5),
  {
    id: "kind",
    title: "Kind",
    rem: 7.2,
    spare: 3,
    value: ({ kind }) => kind,
    cell: ({ kind }) => <Foreign text={kind} empty="–" />,
  },
  measureColumn,
  ...kSignificance,
  ...kQuantiles,
  kLonger,
  pairColumn("threads", "Threads", "How many have this name", (row) => [row.threadsBefore, row.threadsAfter], 0, 2),
  pairColumn(
    "rate",
    "Wakeups/s",
    "Of all of them; a lower bound where events were lost",
    (row) => [row.rateBefore, row.rateAfter],
    1,
    1,
  ),
];
export const kWorkColumns: readonly Column<Measure>[] = [
  nameColumn("Function", 15.5),
  measureColumn,
  ...kSignificance,
  ...kQuantiles,
  kLonger,
];
export const kSoftirqColumns: readonly Column<Measure>[] = [
  nameColumn("Softirq", 9),
  measureColumn,
  ...kSignificance,
  ...kQuantiles,
  kLonger,
];
