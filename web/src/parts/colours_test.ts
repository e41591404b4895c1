import { expect, it } from "vitest";
import { translucent } from "./colours";

it.each([
  ["an opaque colour", "rgb(0, 114, 178)", "rgba(0, 114, 178, 0.6)"],
  ["one that lets through already stays as it is", "rgba(27, 31, 36, 0.55)", "rgba(27, 31, 36, 0.55)"],
])("makes translucent: %s", (_, colour, expected) => expect(translucent(colour, 0.6)).toBe(expected));
