// What outlives a reload of the page: which files are on their way, and what the server calls them. Never their content.

export interface Unfinished {
  id: string; // of the upload
  partBytesMax: number;
  host: string; // as it was asked for; empty: made from the file's name
  fileName: string;
  bytes: number;
  modified: number; // ms
  reading: boolean; // all of it was sent, and the server was to read it
}

export interface FileSeen {
  name: string;
  size: number;
  lastModified: number;
}

/** A page has no more to go by: what a file holds is not compared. */
export const isOf = (one: Unfinished, file: FileSeen, host: string): boolean =>
  one.fileName === file.name &&
  one.bytes === file.size &&
  one.modified === file.lastModified &&
  (host === "" || host === one.host);

const kKey = "wakewatch.import.unfinished";

function isUnfinished(one: unknown): one is Unfinished {
  const { id, partBytesMax, host, fileName, bytes, modified, reading } = (one ?? {}) as Partial<Unfinished>;
  const texts = [id, host, fileName].every((text) => typeof text === "string");
  return texts && [partBytesMax, bytes, modified].every(Number.isFinite) && typeof reading === "boolean";
}

/** Of this tab. What is there and is not ours is passed over. */
export function readUnfinished(storage: Pick<Storage, "getItem"> = sessionStorage): Unfinished[] {
  try {
    const all: unknown = JSON.parse(storage.getItem(kKey) ?? "[]");
    return Array.isArray(all) ? all.filter(isUnfinished) : [];
  } catch {
    return [];
  }
}

/** Where the browser keeps nothing, an upload cannot be gone on with after a reload, and goes by itself on the server. */
export function keepUnfinished(all: readonly Unfinished[]): void {
  try {
    if (all.length === 0) sessionStorage.removeItem(kKey);
    else sessionStorage.setItem(kKey, JSON.stringify(all));
  } catch {
    return;
  }
}
