// The keyboard of the page. It takes only the keys that mean something here, and none while somebody types.
import { useEffect } from "preact/hooks";
import type { Engine } from "./engine";
import { actionOf, kHeld, type Action } from "./keys";
import type { Held } from "./motion";
import { clamp } from "./view";

export interface Dialogs {
  find(): void;
  help(): void;
}

const kMotions: Partial<Record<Action, Partial<Held>>> = {
  "zoom-in": { zoom: 1 },
  "zoom-out": { zoom: -1 },
  "pan-left": { pan: -1 },
  "pan-right": { pan: 1 },
};

const typing = (target: EventTarget | null) =>
  target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;

export function useKeys(engine: Engine, dialogs: Dialogs): void {
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if (typing(event.target) || document.querySelector("dialog[open]") !== null) return;
      const inLanes = event.target instanceof Element && event.target.closest(".tl-lanes") !== null;
      const action = actionOf(event, inLanes);
      if (action === undefined) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.repeat && !kHeld.has(action) && action !== "next" && action !== "previous") return;
      perform(engine, action, event.repeat, dialogs);
    };
    const up = (event: KeyboardEvent) => {
      const action = actionOf({ ...pressedOf(event), ctrlKey: false, metaKey: false, altKey: false }, false);
      const motion = action && kMotions[action];
      if (motion === undefined) return;
      engine.hold(motion.zoom !== undefined ? { zoom: 0 } : { pan: 0 }, false);
    };
    const away = () => engine.release();
    window.addEventListener("keydown", down, { capture: true });
    window.addEventListener("keyup", up, { capture: true });
    window.addEventListener("blur", away);
    return () => {
      window.removeEventListener("keydown", down, { capture: true });
      window.removeEventListener("keyup", up, { capture: true });
      window.removeEventListener("blur", away);
    };
  }, [engine]);
}

const pressedOf = ({ code, key }: KeyboardEvent) => ({ code, key });

function perform(engine: Engine, action: Action, again: boolean, dialogs: Dialogs): void {
  const motion = kMotions[action];
  if (motion !== undefined) {
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still || !again) engine.hold(motion, still);
    return;
  }
  const pid = engine.selectedPid();
  switch (action) {
    case "next":
      return engine.step(1);
    case "previous":
      return engine.step(-1);
    case "lane-up":
      return engine.stepLane(-1);
    case "lane-down":
      return engine.stepLane(1);
    case "fit":
      return engine.fitSelection();
    case "fit-all":
      return engine.setView(clamp(engine.bounds, engine.bounds));
    case "mark":
      return engine.toggleMark();
    case "range-start":
      return engine.toggleRange();
    case "find":
      return dialogs.find();
    case "help":
      return dialogs.help();
    case "clear":
      return engine.clear();
    case "follow":
      return engine.setFollow(!engine.follow);
    case "table":
      engine.table = !engine.table;
      return engine.touch(true);
    case "panel":
      engine.panel = !engine.panel;
      return engine.touch(true);
    case "pin":
      return pid === undefined ? undefined : engine.togglePin(pid);
  }
}
