// How often each thread woke lately: what a stream of summaries says from one message to the next.
import type { ListThreadsResponse, ThreadSummary } from "../gen/wakewatch/v1/analysis_pb";

export interface Threads {
  message: ListThreadsResponse;
  /** Wakeups a second of trace time, oldest first, one a message of the last minute or so; by threadKey. */
  rates: ReadonlyMap<string, readonly number[]>;
}

export const kRatesMax = 60;
const kThreadsMax = 5000; // of longer lists there are none: they come seldom, and the sums would cost more than they tell

/** A pid is given again, to a thread that is first seen later. */
export const threadKey = ({ pid, firstSeenNs }: ThreadSummary) => `${pid}.${firstSeenNs}`;

export function reduceThreads(before: Threads | undefined, message: ListThreadsResponse): Threads {
  const last = before?.message;
  if (message.threads.length > kThreadsMax) return { message, rates: new Map() };
  if (last === undefined || last.recording !== message.recording) return { message, rates: new Map() };
  const seconds = Number(message.watermarkNs - last.watermarkNs) / 1e9;
  if (seconds <= 0) return { message, rates: before!.rates };
  const earlier = new Map(last.threads.map((thread) => [threadKey(thread), thread.wakeups]));
  const rates = new Map<string, readonly number[]>();
  for (const thread of message.threads) {
    const key = threadKey(thread);
    const rate = Number(thread.wakeups - (earlier.get(key) ?? 0n)) / seconds;
    rates.set(key, [...(before!.rates.get(key) ?? []), Math.max(0, rate)].slice(-kRatesMax));
  }
  return { message, rates };
}
