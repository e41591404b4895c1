// Zooming and panning for as long as keys are held: the speed is the same at any frame rate.
import { panBy, zoomAt, type View } from "./view";

export interface Held {
  zoom: -1 | 0 | 1; // 1: in
  pan: -1 | 0 | 1; // 1: right
}

const kZoomPerS = 3; // e-folds
const kPanPerS = 1.1; // views
export const kStepS = 0.12; // what a tap is worth

export const isStill = ({ zoom, pan }: Held) => zoom === 0 && pan === 0;

export function moved(view: View, held: Held, seconds: number, at: number, bounds: View): View {
  let next = view;
  if (held.zoom !== 0) next = zoomAt(next, Math.exp(-held.zoom * kZoomPerS * seconds), at, bounds);
  if (held.pan !== 0) next = panBy(next, held.pan * kPanPerS * seconds * (next.end - next.start), bounds);
  return next;
}

/** The wheel's zoom: a notch of a mouse is 100 px, a track pad sends many small ones. */
export const wheelFactor = (deltaPx: number) => Math.exp(Math.max(-300, Math.min(300, deltaPx)) * 0.0025);
