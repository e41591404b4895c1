import { describe, expect, it } from "vitest";
import { actionOf, type Action } from "./keys";

const press = (code: string, key: string, rest: object = {}) => ({
  code,
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...rest,
});

describe("a key", () => {
  it.each<[string, ReturnType<typeof press>, boolean, Action | undefined]>([
    ["W zooms in", press("KeyW", "w"), false, "zoom-in"],
    ["is known by its place: Z of an AZERTY keyboard is where W is", press("KeyW", "z"), false, "zoom-in"],
    ["with Shift is the same", press("KeyA", "A"), false, "pan-left"],
    ["that types a full stop steps on, wherever it is", press("Comma", "."), false, "next"],
    ["that types ? asks for help", press("Slash", "?"), false, "help"],
    ["that types ? where a German keyboard has it does too", press("Minus", "?"), false, "help"],
    ["/ finds", press("Slash", "/"), false, "find"],
    ["Ctrl+P finds and does not print", press("KeyP", "p", { ctrlKey: true }), false, "find"],
    ["Ctrl+W is the browser's", press("KeyW", "w", { ctrlKey: true }), false, undefined],
    ["Alt+D is the browser's", press("KeyD", "d", { altKey: true }), false, undefined],
    ["arrow scrolls the page", press("ArrowDown", "ArrowDown"), false, undefined],
    ["arrow in the lanes chooses a lane", press("ArrowDown", "ArrowDown"), true, "lane-down"],
    ["that means nothing does nothing", press("KeyX", "x"), true, undefined],
  ])("%s", (_, pressed, inLanes, action) => expect(actionOf(pressed, inLanes)).toBe(action));
});
