import { expect, it } from "vitest";
import { visible } from "./visible";

it.each<[string, string]>([
  ["ksoftirqd/0", "ksoftirqd/0"],
  ["<img src=x>", "<img src=x>"],
  ["日本\ufffd", "日本\ufffd"],
  ["abc\u202egpj", "abc\\u{202e}gpj"],
  ["a\u0000b\u001b[31m", "a\\u{0}b\\u{1b}[31m"],
  ["zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"],
])("%j is shown as %j", (text, shown) => expect(visible(text)).toBe(shown));
