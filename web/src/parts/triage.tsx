// What a person said about the findings of a group on a host, and the way to say something else.
import { useState } from "preact/hooks";
import { useMay } from "../api/caller";
import { explain, findings, kUnaryMs } from "../api/client";
import { usePoll } from "../api/hooks";
import { Triage, type FindingAnnotation } from "../gen/wakewatch/v1/findings_pb";
import { Role } from "../gen/wakewatch/v1/options_pb";
import { kNoteBytesMax, noteBytes, triageWord } from "../state/triage";
import { visible } from "../text/visible";
import { TriageGlyph, WarningGlyph } from "./marks";
import { Foreign, When } from "./text";

export function TriageMark({ annotation }: { annotation: FindingAnnotation | undefined }) {
  const word = triageWord(annotation);
  if (word === undefined) return <span class="quiet">–</span>;
  return (
    <span class="mark" title={visible(annotation!.note)}>
      <TriageGlyph triage={annotation!.triage} />
      {word}
    </span>
  );
}

interface Props {
  host: string;
  groupId: string;
  /** Something else is said now. */
  onSaid?(): void;
}

export function TriagePanel({ host, groupId, onSaid }: Props) {
  const [again, setAgain] = useState(0);
  const listed = usePoll(
    `annotation ${host} ${groupId} ${again}`,
    (signal) => findings.listAnnotations({ host, groupId }, { signal, timeoutMs: kUnaryMs }),
    Infinity,
  );
  const may = useMay(Role.ADMIN);
  const [kept, setKept] = useState<{ value: FindingAnnotation | undefined }>();
  if (listed.state === undefined && kept === undefined) {
    // It is one more thing to know: what cannot be told is left out where the server has none of it.
    return listed.feed.problem === "" ? null : (
      <p class="quiet">What was said about this group is not known: {visible(listed.feed.problem)}</p>
    );
  }
  const annotation = kept === undefined ? listed.state?.annotations[0] : kept.value;
  return (
    <section class="triage" aria-label="Triage">
      <Said annotation={annotation} />
      {may === true && (
        <TriageForm
          host={host}
          groupId={groupId}
          annotation={annotation}
          onKept={(now) => {
            setKept({ value: triageWord(now) === undefined ? undefined : now });
            setAgain((n) => n + 1);
            onSaid?.();
          }}
        />
      )}
    </section>
  );
}

function Said({ annotation }: { annotation: FindingAnnotation | undefined }) {
  if (annotation === undefined) return <p class="quiet">Nobody has said anything about this group yet.</p>;
  return (
    <>
      <p>
        <TriageMark annotation={annotation} />{" "}
        <span class="quiet">
          by <Foreign text={annotation.author} empty="somebody" />, <When realNs={annotation.changedRealNs} />
        </span>
      </p>
      {annotation.note !== "" && <p class="said">{annotation.note.split("\n").map(visible).join("\n")}</p>}
    </>
  );
}

interface FormProps {
  host: string;
  groupId: string;
  annotation: FindingAnnotation | undefined;
  onKept(annotation: FindingAnnotation | undefined): void;
}

function TriageForm({ host, groupId, annotation, onKept }: FormProps) {
  const [note, setNote] = useState(annotation?.note ?? "");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const triage = annotation?.triage ?? Triage.UNSPECIFIED;
  const long = noteBytes(note) > kNoteBytesMax;
  const say = async (wanted: Triage, text: string) => {
    setBusy(true);
    setProblem("");
    try {
      const said = { host, groupId, triage: wanted, note: text };
      const { annotation: now } = await findings.annotateFindings({ annotation: said }, { timeoutMs: kUnaryMs });
      setNote(now?.note ?? "");
      onKept(now);
    } catch (error) {
      setProblem(explain(error).problem);
    }
    setBusy(false);
  };
  const toggle = (wanted: Triage, on: string, off: string) => (
    <button
      type="button"
      disabled={busy || long}
      onClick={() => void say(triage === wanted ? Triage.UNSPECIFIED : wanted, note)}
    >
      {triage === wanted ? off : on}
    </button>
  );
  return (
    <form
      aria-label="Say something about this group"
      onSubmit={(event) => {
        event.preventDefault();
        void say(triage, note);
      }}
    >
      <label>
        Note
        <textarea rows={2} value={note} readOnly={busy} onInput={(event) => setNote(event.currentTarget.value)} />
      </label>
      <div class="toolbar">
        {toggle(Triage.ACKNOWLEDGED, "Acknowledge", "No longer acknowledged")}
        {toggle(Triage.MUTED, "Mute on this host", "Unmute")}
        <button type="submit" disabled={busy || long || note === (annotation?.note ?? "")}>
          Save the note
        </button>
      </div>
      {long && (
        <p role="alert">
          The note has {noteBytes(note)} bytes, {kNoteBytesMax} are the limit.
        </p>
      )}
      {problem !== "" && (
        <p class="note bad" role="alert">
          <WarningGlyph />
          <span>{visible(problem)}</span>
        </p>
      )}
    </form>
  );
}
