import { useState } from "preact/hooks";

/** The clipboard of a page that came over plain HTTP is closed; the old way works there. */
export async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function CopyButton({ text, what }: { text: string | (() => string); what: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    setSaid((await toClipboard(typeof text === "string" ? text : text())) ? "Copied" : "Could not copy");
    setTimeout(() => setSaid(""), 2000);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      <span aria-live="polite">{said || `Copy ${what}`}</span>
    </button>
  );
}
