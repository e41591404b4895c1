/** The last minute of a rate, to the scale of its own highest. */
export function Spark({ values, label }: { values: readonly number[]; label: string }) {
  const width = 64;
  const height = 16;
  const highest = Math.max(...values, 1);
  const step = width / 59;
  const points = values.map((value, i) => {
    const x = width - (values.length - 1 - i) * step;
    return `${x.toFixed(1)},${(height - 1 - (value / highest) * (height - 2)).toFixed(1)}`;
  });
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {points.length > 1 && <polyline points={points.join(" ")} fill="none" stroke="currentColor" stroke-width="1.2" />}
    </svg>
  );
}
