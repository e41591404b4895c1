// A file goes to the server part by part, is read there, and becomes a recording. Nothing in here knows of a page.
import { Code, ConnectError } from "@connectrpc/connect";
import type { FinishImportResponse } from "../gen/wakewatch/v1/import_pb";

export type Progress =
  | { phase: "waiting" }
  | { phase: "sending"; sent: number; bytes: number }
  | { phase: "reading"; read: number; bytes: number; events: bigint }
  | { phase: "done"; host: string; recording: string; events: bigint; warnings: readonly string[] }
  | { phase: "failed"; problem: string }
  | { phase: "given up"; gone: boolean } // whether the server let go of it
  /** The page was left meanwhile. `sent`: undefined: not known. */
  | { phase: "left"; sent: number | undefined; bytes: number }
  | { phase: "lost"; reading: boolean };

export interface Begun {
  id: string;
  partBytesMax: number;
  received: number; // bytes that the server has already
}

/** The import service, as this needs it. */
export interface Importer {
  begin(fileName: string, host: string, bytes: number): Promise<Begun>;
  /** How many bytes the server has then. */
  send(id: string, offset: number, data: Uint8Array, signal?: AbortSignal): Promise<number>;
  finish(id: string, signal: AbortSignal): AsyncIterable<FinishImportResponse>;
  cancel(id: string): Promise<void>;
}

export interface Source {
  name: string;
  size: number;
  slice(from: number, to: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

export interface Surroundings {
  explain(error: unknown): { problem: string; definite: boolean };
  sleep(ms: number): Promise<void>;
}

const kPartBytes = 4 << 20;
const kTries = 6; // of a part, over half a minute
const kFirstPauseMs = 1000;

/** Never throws: whatever goes wrong is the last progress that is told. */
export async function importFile(
  file: Source,
  host: string,
  importer: Importer,
  around: Surroundings,
  signal: AbortSignal,
  tell: (progress: Progress) => void,
): Promise<void> {
  let id = "";
  try {
    tell({ phase: "sending", sent: 0, bytes: file.size });
    const begun = await importer.begin(file.name, host, file.size);
    id = begun.id;
    if (begun.received > 0) tell({ phase: "sending", sent: begun.received, bytes: file.size });
    const step = Math.max(1, Math.min(kPartBytes, begun.partBytesMax));
    for (let sent = begun.received; sent < file.size && !signal.aborted;) {
      const data = new Uint8Array(await file.slice(sent, Math.min(sent + step, file.size)).arrayBuffer());
      sent = await sendPart(importer, around, signal, id, sent, data);
      tell({ phase: "sending", sent, bytes: file.size });
    }
    if (!signal.aborted) {
      tell({ phase: "reading", read: 0, bytes: file.size, events: 0n });
      if (await read(importer, id, file.size, signal, tell)) return;
    }
    throw new ConnectError("given up", Code.Canceled);
  } catch (error) {
    const gone = id === "" || (await isGone(importer, around, id));
    tell(signal.aborted ? { phase: "given up", gone } : { phase: "failed", problem: around.explain(error).problem });
  }
}

/** Gives it up. Whatever a server that answers says, it has no more of it then. */
export async function isGone(importer: Importer, around: Surroundings, id: string): Promise<boolean> {
  try {
    await importer.cancel(id);
    return true;
  } catch (error) {
    return around.explain(error).definite;
  }
}

/** A connection that breaks costs a part, not the file. */
async function sendPart(
  importer: Importer,
  around: Surroundings,
  signal: AbortSignal,
  id: string,
  offset: number,
  data: Uint8Array,
): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await importer.send(id, offset, data, signal);
    } catch (error) {
      if (around.explain(error).definite || tries === kTries || signal.aborted) throw error;
      await around.sleep(kFirstPauseMs * 2 ** (tries - 1));
    }
  }
}

/** True when the recording is complete. */
async function read(
  importer: Importer,
  id: string,
  bytes: number,
  signal: AbortSignal,
  tell: (progress: Progress) => void,
): Promise<boolean> {
  for await (const message of importer.finish(id, signal)) {
    if (message.done) {
      const { host, recording, events, warnings } = message;
      tell({ phase: "done", host, recording, events, warnings });
      return true;
    }
    tell({ phase: "reading", read: Number(message.bytesRead), bytes, events: message.events });
  }
  return false;
}

const kOver: readonly Progress["phase"][] = ["done", "failed", "given up", "lost"];

export const isOver = ({ phase }: Progress): boolean => kOver.includes(phase);
/** It ends when the page is left. */
export const isUnderWay = (progress: Progress): boolean => !isOver(progress) && progress.phase !== "left";

/** Of the bar: a share of 1, or undefined where none is known. */
export function shareOf(progress: Progress): number | undefined {
  if (progress.phase === "sending") return progress.bytes === 0 ? undefined : progress.sent / progress.bytes;
  if (progress.phase === "left") return progress.sent === undefined ? undefined : progress.sent / progress.bytes;
  if (progress.phase === "reading") return progress.read === 0 ? undefined : progress.read / progress.bytes;
  return undefined;
}
