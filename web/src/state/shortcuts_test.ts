import { expect, it } from "vitest";
import { actionOf, kPlaces, type Action } from "./shortcuts";

const pressed = (key: string, code = "", more = {}) => ({
  key,
  code,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...more,
});

it.each<[string, ReturnType<typeof pressed>, boolean, Action | undefined]>([
  ["g begins", pressed("g", "KeyG"), false, { kind: "prefix" }],
  ["g f goes", pressed("f", "KeyF"), true, { kind: "go", key: "f" }],
  ["f alone does nothing", pressed("f", "KeyF"), false, undefined],
  ["g and a letter without a page do nothing", pressed("x", "KeyX"), true, undefined],
  ["on a Greek keyboard too", pressed("φ", "KeyF"), true, { kind: "go", key: "f" }],
  ["with Caps Lock too", pressed("F", "KeyF"), true, { kind: "go", key: "f" }],
  ["on Dvorak by the letter", pressed("f", "KeyY"), true, { kind: "go", key: "f" }],
  ["? helps, wherever it is on the keyboard", pressed("?", "Minus"), false, { kind: "help" }],
  ["/ filters", pressed("/", "Slash"), false, { kind: "filter" }],
  ["the browser's own are left alone", pressed("f", "KeyF", { ctrlKey: true }), true, undefined],
])("%s", (_, key, afterG, action) => expect(actionOf(key, afterG)).toEqual(action));

it("no two places share a key", () => {
  expect(new Set(kPlaces.map(({ key }) => key)).size).toBe(kPlaces.length);
});
