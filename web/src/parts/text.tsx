import { useContext } from "preact/hooks";
import { useServerNow } from "./clock";
import { Times } from "./times";
import { visible } from "../text/visible";
import { ago, isoTime, wallTime } from "../text/times";

/** Text that somebody else chose: isolated, so that its direction stays its own. */
export function Foreign({ text, empty = "(no name)" }: { text: string; empty?: string }) {
  return text === "" ? <span class="quiet">{empty}</span> : <bdi>{visible(text)}</bdi>;
}

export function Task({ comm, pid }: { comm: string; pid: number }) {
  return (
    <span class="task">
      <Foreign text={comm} /> <span class="quiet">{pid}</span>
    </span>
  );
}

/** A wall-clock time with how long ago it was. */
export function When({ realNs, brief = false }: { realNs: bigint; brief?: boolean }) {
  const now = useServerNow();
  const mode = useContext(Times);
  if (realNs === 0n) return <span class="quiet">not known</span>;
  if (mode === "relative") return <Ago realNs={realNs} />;
  return (
    <time dateTime={isoTime(realNs)} title={isoTime(realNs)}>
      {wallTime(realNs, now)}
      {brief ? null : <span class="quiet"> {ago(realNs, now)}</span>}
    </time>
  );
}

export function Ago({ realNs }: { realNs: bigint }) {
  const now = useServerNow();
  return (
    <time dateTime={isoTime(realNs)} title={isoTime(realNs)}>
      {ago(realNs, now)}
    </time>
  );
}

/** A figure, or a dash where there is nothing to measure. */
export function Figure({ text, none, tone }: { text: string; none?: boolean; tone?: string | undefined }) {
  return none ? <span class="quiet">–</span> : <span class={tone}>{text}</span>;
}
