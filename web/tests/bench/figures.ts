// What the scripts of this folder share.
import { gzipSync } from "node:zlib";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Mock } from "../mock/server";

export const kPages = process.env.WAKEWATCH_WEB_OUT ?? join(process.cwd(), "dist");

export async function startMock(): Promise<Mock> {
  const mock = new Mock(kPages);
  await mock.start(0);
  return mock;
}

/** Of sorted or unsorted values, the smallest that the share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const inOrder = [...values].sort((a, b) => a - b);
  return inOrder[Math.min(inOrder.length - 1, Math.max(0, Math.ceil(share * inOrder.length) - 1))] ?? NaN;
}

export function summary(values: readonly number[]): string {
  const of = (share: number) => quantile(values, share).toFixed(1);
  return `n=${values.length} p50=${of(0.5)} p95=${of(0.95)} p99=${of(0.99)} max=${of(1)} ms`;
}

/** Bytes of each file of the pages as they travel. */
export function gzippedSizes(): Map<string, number> {
  const folder = join(kPages, "assets");
  return new Map(readdirSync(folder).map((name) => [name, gzipSync(readFileSync(join(folder, name))).length]));
}
