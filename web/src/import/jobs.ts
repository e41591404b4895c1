// The imports of this page, one after the other. They go on while other pages are looked at.
import { useEffect, useState } from "preact/hooks";
import { explain, imports, kUnaryMs } from "../api/client";
import { importFile, isOver, type Importer, type Progress } from "./upload";

export interface Job {
  key: number;
  fileName: string;
  bytes: number;
  progress: Progress;
}

const importer: Importer = {
  async begin(fileName, host, bytes) {
    const begun = await imports.beginImport({ fileName, host, bytes: BigInt(bytes) }, { timeoutMs: kUnaryMs });
    return { id: begun.importId, partBytesMax: Number(begun.partBytesMax) };
  },
  async send(importId, offset, data) {
    const part = await imports.uploadPart({ importId, offset: BigInt(offset), data }, { timeoutMs: 3 * kUnaryMs });
    return Number(part.bytesReceived);
  },
  finish: (importId, signal) => imports.finishImport({ importId }, { signal }),
  async cancel(importId) {
    await imports.cancelImport({ importId }, { timeoutMs: kUnaryMs });
  },
};

const around = { explain, sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)) };

let jobs: readonly Job[] = [];
const stops = new Map<number, AbortController>();
const watchers = new Set<(jobs: readonly Job[]) => void>();
let last: Promise<void> = Promise.resolve();
let keys = 0;

function set(changed: readonly Job[]) {
  jobs = changed;
  for (const watcher of watchers) watcher(jobs);
}

function note(key: number, progress: Progress) {
  set(jobs.map((job) => (job.key === key ? { ...job, progress } : job)));
}

/** `host`: empty: made from the file's name. */
export function startImport(file: File, host: string): void {
  const key = ++keys;
  const stop = new AbortController();
  stops.set(key, stop);
  set([{ key, fileName: file.name, bytes: file.size, progress: { phase: "waiting" } }, ...jobs]);
  last = last.then(async () => {
    if (stop.signal.aborted) note(key, { phase: "given up" });
    else await importFile(file, host, importer, around, stop.signal, (progress) => note(key, progress));
    stops.delete(key);
  });
}

export function giveUp(key: number): void {
  stops.get(key)?.abort();
}

/** Takes what is over off the list. */
export function forgetOver(): void {
  set(jobs.filter(({ progress }) => !isOver(progress)));
}

export function useJobs(): readonly Job[] {
  const [now, setNow] = useState(jobs);
  useEffect(() => {
    setNow(jobs);
    watchers.add(setNow);
    return () => void watchers.delete(setNow);
  }, []);
  return now;
}
