// The canvases, and what the mouse does on them.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { BinPicture } from "./bins";
import type { Engine } from "./engine";
import { kFindingsPx, kHeadPx, Overview, paintHead } from "./paint_head";
import { kLeftPx, paintLanes, type Arrow } from "./paint";
import { onThemeChange } from "../parts/colours";
import { readPalette, type Palette } from "./palette";
import { headPart, pick, pickFinding } from "./pick";
import { wheelFactor } from "./motion";
import { itemAt, placeTip, wordsOf, type Hover } from "./tip";
import { nsAt, panBy, spanOf, zoomAt } from "./view";

const kDragFromPx = 4;

interface Drag {
  kind: "pan" | "range" | "overview";
  x: number;
  y: number;
  top: number;
  start: number; // of the view
  at: number; // ns where it began
  moved: boolean;
}

function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const dpr = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dpr), Math.round(height * dpr)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d", { alpha: false })!;
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  return context;
}

export function Stage({ engine, describedBy }: { engine: Engine; describedBy: string }) {
  const box = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLCanvasElement>(null);
  const lanes = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const arrows = useRef<Arrow[]>([]);
  const drag = useRef<Drag>();
  const tip = useRef<HTMLDivElement>(null);
  const hover = useRef<Hover>();

  useLayoutEffect(() => {
    const [boxed, top, bottom, scrolled] = [box.current!, head.current!, lanes.current!, scroller.current!];
    let palette: Palette | undefined;
    const overview = new Overview();
    const bins = new BinPicture();
    const measure = () => {
      engine.width = Math.max(50, scrolled.clientWidth - kLeftPx);
      engine.height = scrolled.clientHeight;
      engine.top = scrolled.scrollTop;
      engine.touch(false);
    };
    engine.paint = () => {
      palette ??= readPalette(boxed, window.devicePixelRatio || 1);
      const { width, height } = engine;
      const above = sized(top, kLeftPx + width, kHeadPx);
      paintHead(engine, { context: above, palette, left: kLeftPx, width, overview });
      arrows.current = paintLanes(engine, sized(bottom, kLeftPx + width, height), palette, bins);
      boxed.setAttribute("aria-busy", String(!engine.scene.done));
      // Here, and not where the mouse moves: what is under a mouse that rests changes too.
      const item = hover.current && itemAt(engine, arrows.current, hover.current);
      placeTip(tip.current!, item === undefined ? "" : wordsOf(engine, item), hover.current);
    };
    engine.bringUp = (lane) => {
      if (lane.y < scrolled.scrollTop) scrolled.scrollTop = lane.y;
      const over = lane.y + lane.height - scrolled.scrollTop - scrolled.clientHeight;
      if (over > 0) scrolled.scrollTop += over;
    };
    const observer = new ResizeObserver(measure);
    observer.observe(scrolled);
    scrolled.addEventListener("scroll", measure, { passive: true });
    const unwatch = onThemeChange(() => {
      palette = undefined;
      engine.touch(false);
    });
    measure();
    return () => {
      observer.disconnect();
      scrolled.removeEventListener("scroll", measure);
      unwatch();
      engine.paint = undefined;
    };
  }, [engine]);

  useEffect(() => {
    const boxed = box.current!;
    // A listener of Preact's is passive, and then the browser zooms the page too.
    const onWheel = (event: WheelEvent) => wheel(engine, event, boxed);
    boxed.addEventListener("wheel", onWheel, { passive: false });
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") rest();
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => {
      boxed.removeEventListener("wheel", onWheel);
      window.removeEventListener("keydown", onKey, { capture: true });
    };
  }, [engine]);

  const place = (event: MouseEvent) => {
    const rect = (event.currentTarget as Element).getBoundingClientRect();
    const x = event.clientX - rect.left;
    return { x, y: event.clientY - rect.top, at: nsAt(engine.view, engine.width, x - kLeftPx) };
  };
  /** Nothing is told until the mouse moves again. */
  const rest = () => {
    hover.current = undefined;
    engine.touch(false);
  };
  const begin = (event: PointerEvent, part: "head" | "lanes") => {
    if (event.button !== 0) return;
    const { x, y, at } = place(event);
    if (x < kLeftPx) return;
    const above = part === "head" ? headPart(y) : undefined;
    const kind = above === "overview" ? "overview" : above !== undefined || event.shiftKey ? "range" : "pan";
    drag.current = { kind, x, y, top: engine.top, start: engine.view.start, at, moved: false };
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    if (kind === "overview") toOverview(engine, x);
  };
  const move = (event: PointerEvent, part: Hover["part"]) => {
    const { x, y, at } = place(event);
    engine.pointer = x >= kLeftPx ? at : undefined;
    const current = drag.current;
    const boxed = box.current!.getBoundingClientRect();
    const told = current === undefined && event.pointerType !== "touch";
    hover.current = told ? { part, x, y, left: event.clientX - boxed.left, top: event.clientY - boxed.top } : undefined;
    if (current !== undefined) {
      current.moved ||= Math.hypot(x - current.x, y - current.y) >= kDragFromPx;
      if (current.kind === "overview") toOverview(engine, x);
      else if (current.moved && current.kind === "pan") {
        const by = ((current.x - x) / engine.width) * spanOf(engine.view);
        engine.setView(panBy(engine.view, current.start + by - engine.view.start, engine.bounds));
        if (scroller.current !== null) scroller.current.scrollTop = current.top + current.y - y;
      } else if (current.moved) {
        engine.range = { from: Math.round(Math.min(current.at, at)), to: Math.round(Math.max(current.at, at)) };
      }
    }
    engine.touch(current !== undefined);
  };
  const finish = (event: PointerEvent, part: "head" | "lanes") => {
    const current = drag.current;
    drag.current = undefined;
    if (current === undefined || current.moved || current.kind === "overview") return;
    const { x, y } = place(event);
    if (part === "lanes") engine.choose(pick(engine, arrows.current, x, y), false);
    else if (y >= kHeadPx - kFindingsPx) engine.choose(pickFinding(engine, x), false);
    else engine.range = undefined;
    engine.touch(true);
  };
  const leave = () => {
    engine.pointer = undefined;
    rest();
  };
  const cancel = () => (drag.current = undefined);
  return (
    <div class="tl-stage" ref={box} data-testid="timeline">
      <canvas
        class="tl-head"
        ref={head}
        aria-hidden="true"
        style={{ height: `${kHeadPx}px` }}
        onPointerDown={(event) => begin(event, "head")}
        onPointerMove={(event) => move(event, "head")}
        onPointerUp={(event) => finish(event, "head")}
        onPointerCancel={cancel}
        onPointerLeave={leave}
      />
      <div
        class="tl-lanes"
        ref={scroller}
        tabIndex={0}
        role="application"
        aria-label="Lanes of the timeline"
        aria-describedby={describedBy}
        style={{ height: `${engine.layout.height + 2}px` }}
        onPointerDown={(event) => begin(event, "lanes")}
        onPointerMove={(event) => move(event, "lanes")}
        onPointerUp={(event) => finish(event, "lanes")}
        onPointerCancel={cancel}
        onPointerLeave={leave}
      >
        <div style={{ height: `${engine.layout.height}px` }}>
          <canvas ref={lanes} aria-hidden="true" />
        </div>
      </div>
      <div class="tl-tip" ref={tip} data-testid="timeline-tip" aria-hidden="true" hidden />
    </div>
  );
}

function wheel(engine: Engine, event: WheelEvent, of: Element): void {
  const x = event.clientX - of.getBoundingClientRect().left - kLeftPx;
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const at = nsAt(engine.view, engine.width, Math.max(0, Math.min(engine.width, x)));
    engine.setView(zoomAt(engine.view, wheelFactor(event.deltaY * lines), at, engine.bounds));
    return;
  }
  const across = event.shiftKey ? event.deltaY : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
  if (across === 0) return;
  event.preventDefault();
  engine.setView(panBy(engine.view, ((across * lines) / engine.width) * spanOf(engine.view), engine.bounds));
}

/** The view's middle goes where the overview was pressed. */
function toOverview(engine: Engine, x: number): void {
  const at = nsAt(engine.bounds, engine.width, x - kLeftPx);
  const middle = (engine.view.start + engine.view.end) / 2;
  engine.setView(panBy(engine.view, at - middle, engine.bounds));
}
