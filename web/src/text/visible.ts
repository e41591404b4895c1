// A comm is 15 bytes that its owner chose, and any event may quote one. It only ever becomes a text node; what would
// still deceive the eye (direction overrides, invisible and control characters) is spelled out.

const kDeceptive = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export function visible(text: string): string {
  return text.replace(kDeceptive, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
