// Bins as pixels. A lane from afar is a thousand small rectangles, most of them with a pattern; a canvas takes far longer
// for them than it takes to write what they come to and to copy that.
import { kUses, type CpuLane } from "./lanes";
import type { View } from "./view";

/** A square of a pattern: pixels as a canvas has them, red in the lowest byte. */
export interface Texture {
  size: number;
  pixels: Uint32Array;
}
/** Where a lane is: pixels of the screen. Patterns begin where the canvas does. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

const kDrawn = kUses.length - 1; // all but idle, which is left free

/** Adds what of a lane lies in `from` to `to` of the page's time. */
export function composeBins(
  out: Uint32Array,
  frame: Frame,
  view: View,
  lane: CpuLane,
  from: number,
  to: number,
  textures: readonly Texture[], // by kUses
): void {
  const scale = frame.width / (view.end - view.start);
  const low = Math.max(from, view.start);
  const high = Math.min(to, view.end);
  const first = Math.max(0, Math.floor((low - lane.firstBin) / lane.binNs));
  const end = Math.min(lane.busiest.length, Math.ceil((high - lane.firstBin) / lane.binNs));
  for (let i = first; i < end; i++) {
    const start = lane.firstBin + i * lane.binNs;
    // Whole pixels: a seam between two bins would look like something.
    const x = Math.max(0, Math.round((Math.max(start, low) - view.start) * scale));
    const right = Math.min(frame.width, Math.round((Math.min(start + lane.binNs, high) - view.start) * scale));
    if (right <= x) continue;
    let below = 0;
    for (let use = 0; use < kDrawn; use++) {
      const height = (lane.uses[i * kUses.length + use]! / lane.binNs) * frame.height;
      if (height > 0) block(out, frame, x, right, below, Math.min(frame.height, below + height), textures[use]!);
      below += height;
    }
  }
}

/** `low` and `high` count from the foot; what they cover of a row in part is mixed into it. */
function block(
  out: Uint32Array,
  frame: Frame,
  x: number,
  right: number,
  low: number,
  high: number,
  { size, pixels }: Texture,
): void {
  const top = frame.height - high;
  const bottom = frame.height - low;
  for (let row = Math.floor(top); row < bottom; row++) {
    const covered = Math.min(bottom, row + 1) - Math.max(top, row);
    const line = row * frame.width;
    const of = ((row + frame.top) % size) * size;
    for (let at = x; at < right; at++) {
      const pixel = pixels[of + ((at + frame.left) % size)]!;
      out[line + at] = covered >= 1 ? pixel : mixed(out[line + at]!, pixel, covered);
    }
  }
}

/** Of two opaque things that share a pixel side by side: their alphas add up. */
function mixed(before: number, pixel: number, covered: number): number {
  const own = covered * 255;
  const alpha = Math.min(255, (before >>> 24) + own);
  const share = own / alpha;
  const channel = (shift: number) => {
    const was = (before >>> shift) & 255;
    return Math.round(was + (((pixel >>> shift) & 255) - was) * share) << shift;
  };
  return (channel(0) | channel(8) | channel(16) | (Math.round(alpha) << 24)) >>> 0;
}

/** A canvas that lanes are put together on, one after the other. */
export class BinPicture {
  private readonly canvas = document.createElement("canvas");
  private image: ImageData | undefined;

  /** `compose` is given clear pixels. */
  draw(onto: CanvasRenderingContext2D, frame: Frame, compose: (out: Uint32Array) => void): void {
    const { left, top, width, height } = frame;
    if (width <= 0 || height <= 0) return;
    const context = this.canvas.getContext("2d", { willReadFrequently: true })!;
    if (this.image?.width !== width || this.image.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = new ImageData(width, height);
    }
    const out = new Uint32Array(this.image.data.buffer);
    out.fill(0);
    compose(out);
    context.putImageData(this.image, 0, 0);
    onto.save();
    onto.setTransform(1, 0, 0, 1, 0, 0);
    onto.drawImage(this.canvas, left, top);
    onto.restore();
  }
}
