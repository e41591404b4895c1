// A table's rows as a file or on the clipboard.
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { parseRoute } from "../router";
import { fileName, kFormats, type Exported, type Format } from "../state/export";
import { plural } from "../text/units";
import { toClipboard } from "./copy";

interface Props {
  caption: string;
  rows: number;
  partly: string | undefined;
  /** Columns for which the page has no room. */
  leftOut?: readonly string[];
  make(): Exported;
}

/** Saves without asking the server; the page has it all. */
export function download(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // Some browsers read it only after the click has returned.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function ExportMenu({ caption, rows, partly, leftOut = [], make }: Props) {
  const menu = useRef<HTMLDetailsElement>(null);
  const [said, setSaid] = useState("");
  useClosing(menu);
  const close = () => {
    if (menu.current === null) return;
    menu.current.open = false;
    menu.current.querySelector("summary")?.focus();
  };
  const save = (format: Format) => {
    const { page } = parseRoute(window.location.hash);
    const name = fileName(["wakewatch", "host" in page ? page.host : "", caption]);
    download(`${name}.${format.ending}`, format.type, format.text(make()));
    close();
  };
  const copy = async (format: Format) => {
    const done = await toClipboard(format.text(make()));
    setSaid(done ? `Copied ${plural(rows, "row", "rows")}` : "Could not copy");
    setTimeout(() => setSaid(""), 2500);
    close();
  };
  return (
    <div class="table-tools">
      {leftOut.length > 0 && <span class="quiet left-out">No room for {listed(leftOut)}: the export has them</span>}
      <span class="quiet" role="status">
        {said}
      </span>
      <details class="menu" ref={menu}>
        <summary aria-label={`Export ${caption}`}>Export</summary>
        <div class="menu-body">
          <p class="quiet">
            {plural(rows, "row", "rows")}
            {partly === undefined ? "" : `: ${partly}`}; times in ns.
          </p>
          {kFormats.map((format) => (
            <div key={format.name} class="pair">
              <button type="button" onClick={() => save(format)}>
                Download {format.name}
              </button>
              <button type="button" onClick={() => void copy(format)}>
                Copy {format.name}
              </button>
            </div>
          ))}
        </div>
      </details>
    </div>
  );
}

const listed = (names: readonly string[]) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** A menu closes with Escape, and when something else is clicked or has the focus. */
function useClosing(menu: RefObject<HTMLDetailsElement>) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || menu.current?.open !== true) return;
      menu.current.open = false;
      menu.current.querySelector("summary")?.focus();
      event.stopPropagation();
    };
    const onElsewhere = (event: Event) => {
      if (menu.current?.open && !menu.current.contains(event.target as Node)) menu.current.open = false;
    };
    window.addEventListener("keydown", onKey, true);
    window.addEventListener("pointerdown", onElsewhere, true);
    window.addEventListener("focusin", onElsewhere, true);
    return () => {
      window.removeEventListener("keydown", onKey, true);
      window.removeEventListener("pointerdown", onElsewhere, true);
      window.removeEventListener("focusin", onElsewhere, true);
    };
  }, [menu]);
}
