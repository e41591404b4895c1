// Keys by where they are on the keyboard, as in Perfetto, so that W A S D lie together on any layout; signs by what they are.
export type Action =
  | "zoom-in"
  | "zoom-out"
  | "pan-left"
  | "pan-right"
  | "next"
  | "previous"
  | "lane-up"
  | "lane-down"
  | "fit"
  | "fit-all"
  | "mark"
  | "find"
  | "help"
  | "clear"
  | "table"
  | "panel"
  | "pin"
  | "follow"
  | "range-start";

export const kHeld: ReadonlySet<Action> = new Set(["zoom-in", "zoom-out", "pan-left", "pan-right"]);

interface Pressed {
  code: string;
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

const kByCode: Record<string, Action> = {
  KeyW: "zoom-in",
  KeyS: "zoom-out",
  KeyA: "pan-left",
  KeyD: "pan-right",
  KeyF: "fit",
  KeyM: "mark",
  KeyT: "table",
  KeyQ: "panel",
  KeyP: "pin",
  KeyL: "follow",
  KeyR: "range-start",
  Home: "fit-all",
  Escape: "clear",
};
const kByKey: Record<string, Action> = { ".": "next", ",": "previous", "?": "help", "/": "find" };
const kInLanes: Record<string, Action> = {
  ArrowRight: "next",
  ArrowLeft: "previous",
  ArrowUp: "lane-up",
  ArrowDown: "lane-down",
};

/** `inLanes`: the lanes have the focus, so that arrows are theirs and do not scroll the page. */
export function actionOf(pressed: Pressed, inLanes: boolean): Action | undefined {
  const { code, key, ctrlKey, metaKey, altKey } = pressed;
  if (altKey) return undefined;
  if (ctrlKey || metaKey) return code === "KeyP" ? "find" : undefined;
  return kByKey[key] ?? kByCode[code] ?? (inLanes ? kInLanes[code] : undefined);
}

export const kHelp: readonly (readonly [string, string])[] = [
  ["W, S", "zoom in and out, at the pointer"],
  ["A, D", "move left and right"],
  ["F", "fit the selection, or the range"],
  ["Home", "all of the recording"],
  [". and ,", "next and previous of the selected lane"],
  ["← → ↑ ↓", "the same, and other lanes, where the lanes have the focus"],
  ["Ctrl+P or /", "find a thread, and pin its lane"],
  ["P", "pin, or unpin, the thread of the selection"],
  ["M", "set the mark at the selection or the pointer; again there: clear it"],
  ["R", "begin a range at the selection or the pointer; again: end it"],
  ["T", "the lanes as a table"],
  ["Q", "show or hide what is selected"],
  ["L", "follow a recording that grows"],
  ["Esc", "clear the selection, then the range"],
  ["?", "this help"],
  ["Ctrl + wheel", "zoom at the pointer"],
  ["Drag", "move"],
  ["Shift + drag, or drag in the ruler", "choose a range"],
];
