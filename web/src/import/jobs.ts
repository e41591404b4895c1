// The imports of this page, one after the other. They go on while other pages are looked at.
import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useState } from "preact/hooks";
import { explain, imports, kUnaryMs } from "../api/client";
import { isOf, keepUnfinished, readUnfinished, type FileSeen, type Unfinished } from "./unfinished";
import { importFile, isGone, isOver, isUnderWay, type Begun, type Importer, type Progress } from "./upload";

export interface Job {
  key: number;
  fileName: string;
  bytes: number;
  progress: Progress;
}

const importer: Importer = {
  async begin(fileName, host, bytes) {
    const begun = await imports.beginImport({ fileName, host, bytes: BigInt(bytes) }, { timeoutMs: kUnaryMs });
    return { id: begun.importId, partBytesMax: Number(begun.partBytesMax), received: 0 };
  },
  async send(importId, offset, data, signal) {
    const options = { timeoutMs: 3 * kUnaryMs, ...(signal === undefined ? {} : { signal }) };
    const part = await imports.uploadPart({ importId, offset: BigInt(offset), data }, options);
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
const unfinished = new Map<number, Unfinished>(); // by the job's key
const watchers = new Set<(jobs: readonly Job[]) => void>();
let last: Promise<void> = Promise.resolve();
let keys = 0;

const warn = (event: BeforeUnloadEvent) => event.preventDefault();

function set(changed: readonly Job[]) {
  jobs = changed;
  // Only as long as something would be lost: a page that always asks is not kept for the way back.
  if (jobs.some(({ progress }) => isUnderWay(progress))) window.addEventListener("beforeunload", warn);
  else window.removeEventListener("beforeunload", warn);
  for (const watcher of watchers) watcher(jobs);
}

function note(key: number, progress: Progress) {
  set(jobs.map((job) => (job.key === key ? { ...job, progress } : job)));
  const kept = unfinished.get(key);
  if (kept === undefined) return;
  if (isOver(progress)) keep(key, undefined);
  else if (progress.phase === "reading" && !kept.reading) keep(key, { ...kept, reading: true });
}

function keep(key: number, one: Unfinished | undefined) {
  if (one === undefined) unfinished.delete(key);
  else unfinished.set(key, one);
  keepUnfinished([...unfinished.values()]);
}

/** How many bytes of an upload are there: a part without any says so. */
const receivedOf = (id: string) => importer.send(id, 0, new Uint8Array());

const isMissing = (error: unknown) => ConnectError.from(error).code === Code.NotFound;

/** What the page left behind when it was here before. */
async function lookAfter(key: number, { id, bytes, reading }: Unfinished) {
  if (reading) {
    await isGone(importer, around, id);
    return note(key, { phase: "lost", reading });
  }
  try {
    note(key, { phase: "left", sent: await receivedOf(id), bytes });
  } catch (error) {
    if (isMissing(error)) note(key, { phase: "lost", reading });
  }
}

for (const one of readUnfinished()) {
  const key = ++keys;
  unfinished.set(key, one);
  set([
    { key, fileName: one.fileName, bytes: one.bytes, progress: { phase: "left", sent: undefined, bytes: one.bytes } },
    ...jobs,
  ]);
  last = last.then(() => lookAfter(key, one));
}

/** Goes on with what is unfinished of this file, or begins anew. */
async function beginOf(key: number, file: FileSeen, host: string): Promise<Begun> {
  const known = unfinished.get(key);
  if (known !== undefined) {
    const { id, partBytesMax } = known;
    try {
      return { id, partBytesMax, received: await receivedOf(id) };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  const begun = await importer.begin(file.name, known?.host ?? host, file.size);
  const { id, partBytesMax } = begun;
  keep(key, {
    id,
    partBytesMax,
    host: known?.host ?? host,
    fileName: file.name,
    bytes: file.size,
    modified: file.lastModified,
    reading: false,
  });
  return begun;
}

function keyOf(file: File, host: string): number {
  const left = jobs.find(({ key, progress }) => {
    const one = unfinished.get(key);
    return progress.phase === "left" && one !== undefined && isOf(one, file, host);
  });
  if (left !== undefined) {
    note(left.key, { phase: "waiting" });
    return left.key;
  }
  const key = ++keys;
  set([{ key, fileName: file.name, bytes: file.size, progress: { phase: "waiting" } }, ...jobs]);
  return key;
}

/** `host`: empty: made from the file's name. */
export function startImport(file: File, host: string): void {
  const key = keyOf(file, host);
  const stop = new AbortController();
  stops.set(key, stop);
  const own: Importer = { ...importer, begin: () => beginOf(key, file, host) };
  last = last.then(async () => {
    if (stop.signal.aborted) await letGo(key);
    else await importFile(file, host, own, around, stop.signal, (progress) => note(key, progress));
    stops.delete(key);
  });
}

async function letGo(key: number) {
  const one = unfinished.get(key);
  note(key, { phase: "given up", gone: one === undefined || (await isGone(importer, around, one.id)) });
}

export function giveUp(key: number): void {
  const stop = stops.get(key);
  if (stop === undefined) void letGo(key);
  else stop.abort();
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
