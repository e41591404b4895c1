// A list that comes again every second is read by the browser every second; of a hundred thousand rows that is all it
// would do. So a long list is asked for less often.

const kUsualMs = 1000;
const kUsualRows = 5000;
const kLongestMs = 20_000;

export function intervalFor(rows: number): number {
  return Math.min(kLongestMs, kUsualMs * Math.max(1, Math.ceil(rows / kUsualRows)));
}

/** Opens the stream again with a longer interval when a message turns out to need one. */
export async function* paced<M>(open: (intervalMs: number) => AsyncIterable<M>, rowsOf: (message: M) => number) {
  let intervalMs = kUsualMs;
  for (;;) {
    let neededMs = intervalMs;
    for await (const message of open(intervalMs)) {
      yield message;
      neededMs = intervalFor(rowsOf(message));
      if (neededMs > intervalMs) break;
    }
    if (neededMs <= intervalMs) return;
    intervalMs = neededMs;
  }
}
