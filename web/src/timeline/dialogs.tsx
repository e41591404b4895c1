import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Foreign } from "../parts/text";
import { visible } from "../text/visible";
import { kHelp } from "./keys";

/** Open for as long as it is there. */
function Dialog({ title, onClose, children }: { title: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog class="tl-dialog" ref={dialog} aria-label={title} onClose={onClose}>
      <div class="tl-dialog-top">
        <h2>{title}</h2>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      {children}
    </dialog>
  );
}

export function HelpDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keys of the timeline" onClose={onClose}>
      <p class="quiet">
        W A S D and the other letters are known by their place on the keyboard, as on a QWERTY layout.
      </p>
      <table class="grid small">
        <caption class="hidden">Keys and what they do</caption>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Does</th>
          </tr>
        </thead>
        <tbody>
          {kHelp.map(([keys, words]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{words}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}

export interface Named {
  pid: number;
  comm: string;
  kind: string;
}
const kListed = 50;

/** Part of the name, or of the PID. */
export function found(threads: readonly Named[], text: string): Named[] {
  const wanted = text.trim().toLowerCase();
  return threads.filter(({ pid, comm }) => comm.toLowerCase().includes(wanted) || String(pid).startsWith(wanted));
}

interface FindProps {
  threads: readonly Named[] | undefined;
  problem: string;
  pins: readonly number[];
  onPin(pid: number): void;
  onClose(): void;
}

export function FindDialog({ threads, problem, pins, onPin, onClose }: FindProps) {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const list = found(threads ?? [], text);
  const shown = list.slice(0, kListed);
  const own = /^\d+$/.test(text.trim()) ? Number(text.trim()) : 0;
  const pin = (pid: number | undefined) => {
    if (pid === undefined || pid <= 0 || pid >= 2 ** 31) return;
    onPin(pid);
    onClose();
  };
  const move = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) setActive(Math.max(0, Math.min(shown.length - 1, active + by)));
    else if (event.key === "Enter") pin(shown[active]?.pid ?? own);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Find a thread" onClose={onClose}>
      <input
        type="search"
        role="combobox"
        aria-expanded="true"
        aria-controls="tl-found"
        aria-activedescendant={shown[active] && `tl-found-${shown[active].pid}`}
        aria-label="Part of its name, or its PID"
        placeholder="Part of its name, or its PID"
        autoFocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={move}
      />
      <ul id="tl-found" role="listbox" aria-label="Threads" class="tl-found">
        {shown.map((thread, i) => (
          <li
            key={thread.pid}
            id={`tl-found-${thread.pid}`}
            role="option"
            aria-selected={i === active}
            onClick={() => pin(thread.pid)}
          >
            <Foreign text={thread.comm} /> <span class="quiet">{thread.pid}</span>{" "}
            <span class="quiet">
              {visible(thread.kind)}
              {pins.includes(thread.pid) && ", pinned"}
            </span>
          </li>
        ))}
      </ul>
      <p class="quiet" role="status">
        {threads === undefined
          ? problem === ""
            ? "Loading the threads"
            : `The server gave no threads: ${visible(problem)}. A PID can be pinned all the same.`
          : list.length > kListed
            ? `The first ${kListed} of ${list.length} threads. Enter pins the chosen one.`
            : list.length === 0
              ? "No thread has this name."
              : "Enter pins the chosen one, or unpins it."}
      </p>
    </Dialog>
  );
}
