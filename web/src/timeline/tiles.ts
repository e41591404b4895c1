// What is fetched is tiles: spans of 2^level nanoseconds of trace time on a grid that does not depend on the view. A view
// is covered by two of them at most, and a tile that came once is there for every view over it.
import type { View } from "./view";

export interface Tile {
  level: number; // it spans 2^level ns
  index: number;
}

const kLevelMin = 10;
const kLevelMax = 52;

export function levelFor(view: View): number {
  const level = Math.ceil(Math.log2(Math.max(1, view.end - view.start)));
  return Math.min(Math.max(level, kLevelMin), kLevelMax);
}

export const tileStartNs = (tile: Tile) => BigInt(tile.index) << BigInt(tile.level);
export const tileEndNs = (tile: Tile) => BigInt(tile.index + 1) << BigInt(tile.level);

/** Of one level, those that a view sees, from left to right. */
export function tilesAt(level: number, view: View, originNs: bigint): Tile[] {
  const first = indexAt(level, originNs + BigInt(Math.floor(view.start)));
  const last = indexAt(level, originNs + BigInt(Math.ceil(view.end)) - 1n);
  const tiles: Tile[] = [];
  for (let index = first; index <= last; index++) tiles.push({ level, index });
  return tiles;
}

function indexAt(level: number, ns: bigint): number {
  return ns <= 0n ? 0 : Number(ns >> BigInt(level));
}

export const parentOf = ({ level, index }: Tile): Tile => ({ level: level + 1, index: Math.floor(index / 2) });
export const keyOf = ({ level, index }: Tile) => `${level}/${index}`;

const kStepPan = 0.4; // of the view

/** What a step in at `at`, a pan either way and a step out would need besides, in this order; nothing from `endNs` on. */
export function neighboursOf(view: View, at: number, originNs: bigint, endNs: bigint): Tile[] {
  const level = levelFor(view);
  const pan = (view.end - view.start) * kStepPan;
  const scaled = (factor: number): View => ({
    start: at - (at - view.start) * factor,
    end: at + (view.end - at) * factor,
  });
  const shifted = (by: number): View => ({ start: view.start + by, end: view.end + by });
  const steps: [number, View][] = [
    [level - 1, scaled(0.5)],
    [level, shifted(pan)],
    [level, shifted(-pan)],
    [level + 1, scaled(2)],
  ];
  const known = new Set(tilesAt(level, view, originNs).map(keyOf));
  const tiles: Tile[] = [];
  for (const [of, then] of steps) {
    if (of < kLevelMin || of > kLevelMax) continue;
    for (const tile of tilesAt(of, then, originNs)) {
      if (known.has(keyOf(tile)) || tileStartNs(tile) >= endNs) continue;
      known.add(keyOf(tile));
      tiles.push(tile);
    }
  }
  return tiles;
}

export interface Piece<T> {
  value: T;
  from: number; // of the page's time: what of the value is to be used
  to: number;
}

const kFinerMax = 3;
const kCoarserMax = 8;

/** For each part of the view the best that is there: its own tile, else a coarser one, else finer ones. */
export function bestOf<T>(level: number, view: View, originNs: bigint, get: (tile: Tile) => T | undefined): Piece<T>[] {
  const pieces: Piece<T>[] = [];
  for (const tile of tilesAt(level, view, originNs)) {
    const from = Number(tileStartNs(tile) - originNs);
    const to = Number(tileEndNs(tile) - originNs);
    const value = get(tile) ?? coarser(tile, get);
    if (value !== undefined) pieces.push({ value, from, to });
    else
      pieces.push(...finer(level, { start: Math.max(from, view.start), end: Math.min(to, view.end) }, originNs, get));
  }
  return pieces;
}

function coarser<T>(tile: Tile, get: (tile: Tile) => T | undefined): T | undefined {
  let above = tile;
  for (let i = 0; i < kCoarserMax; i++) {
    above = parentOf(above);
    const value = get(above);
    if (value !== undefined) return value;
  }
  return undefined;
}

function finer<T>(level: number, part: View, originNs: bigint, get: (tile: Tile) => T | undefined): Piece<T>[] {
  const pieces: Piece<T>[] = [];
  for (let below = level - 1; below >= Math.max(kLevelMin, level - kFinerMax) && pieces.length === 0; below--) {
    for (const tile of tilesAt(below, part, originNs)) {
      const value = get(tile);
      if (value === undefined) continue;
      pieces.push({ value, from: Number(tileStartNs(tile) - originNs), to: Number(tileEndNs(tile) - originNs) });
    }
  }
  return pieces;
}
