// Which keys lead where, on every page. `g` and a letter go to a page; the letters are those of the page's name.

export interface Place {
  key: string;
  words: string;
  /** Of these only while a host is known. */
  ofHost?: boolean;
}

export const kPlaces: readonly Place[] = [
  { key: "f", words: "the fleet" },
  { key: "i", words: "findings" },
  { key: "p", words: "protocols" },
  { key: "k", words: "check a protocol" },
  { key: "c", words: "compare two recordings" },
  { key: "q", words: "SQL" },
  { key: "m", words: "import a trace" },
  { key: "h", words: "the host: its kernel threads", ofHost: true },
  { key: "d", words: "the host: where the time went", ofHost: true },
  { key: "r", words: "the host: scheduler rules", ofHost: true },
  { key: "l", words: "the host: timeline", ofHost: true },
];

export type Action = { kind: "go"; key: string } | { kind: "help" } | { kind: "filter" } | { kind: "prefix" };

export interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** The letter; where the layout has none there, that of a Latin keyboard. */
function letterOf({ key, code }: Pressed): string {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  return /^Key[A-Z]$/.test(code) && /[^\u0000-\u007f]/.test(key) ? code.slice(3).toLowerCase() : key;
}

/** `afterG`: whether the key before was g, a moment ago. */
export function actionOf(pressed: Pressed, afterG: boolean): Action | undefined {
  if (pressed.ctrlKey || pressed.altKey || pressed.metaKey) return undefined;
  const letter = letterOf(pressed);
  if (afterG) return kPlaces.some(({ key }) => key === letter) ? { kind: "go", key: letter } : undefined;
  if (letter === "g") return { kind: "prefix" };
  if (pressed.key === "?") return { kind: "help" };
  return pressed.key === "/" ? { kind: "filter" } : undefined;
}
