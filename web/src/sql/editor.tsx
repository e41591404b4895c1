// Where a query is written. Tab indents while one types; after Escape, or before the first key, it moves on as everywhere.
import type { RefObject } from "preact";
import { useRef } from "preact/hooks";

interface Props {
  text: string;
  running: boolean;
  area: RefObject<HTMLTextAreaElement>;
  onText(text: string): void;
  onRun(): void;
  onCancel(): void;
}

const kIndent = "  ";

/** In a way that the browser's own undo knows of. */
export function insertAtCaret(area: HTMLTextAreaElement, text: string): void {
  area.focus();
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

export function Editor({ text, running, area, onText, onRun, onCancel }: Props) {
  const typing = useRef(false);
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onRun();
    } else if (event.key === "Escape") {
      typing.current = false;
      if (running) onCancel();
    } else if (event.key === "Tab" && typing.current && !event.shiftKey && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      insertAtCaret(event.currentTarget as HTMLTextAreaElement, kIndent);
    }
  };
  return (
    <>
      <label class="hidden" for="sql-text">
        Query
      </label>
      <textarea
        id="sql-text"
        ref={area}
        class="code sql-editor"
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        rows={Math.min(24, Math.max(7, text.split("\n").length + 1))}
        value={text}
        aria-describedby="sql-keys"
        onInput={(event) => {
          typing.current = true;
          onText(event.currentTarget.value);
        }}
        onFocus={() => (typing.current = false)}
        onKeyDown={onKey}
      />
      <p id="sql-keys" class="quiet sql-keys">
        <kbd>Ctrl</kbd>+<kbd>Enter</kbd> runs, <kbd>Esc</kbd> cancels. <kbd>Tab</kbd> indents while you type; after{" "}
        <kbd>Esc</kbd> it leaves the editor.
      </p>
    </>
  );
}
