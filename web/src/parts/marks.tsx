// States as a shape, a colour and a word: none of them is needed to tell the others.
import { HostStatus } from "../gen/wakewatch/v1/fleet_pb";
import { Confidence, Triage } from "../gen/wakewatch/v1/findings_pb";
import { confidenceName } from "../state/findings";

type Shape = "disc" | "half" | "ring" | "triangle" | "square";

function Glyph({ shape, tone }: { shape: Shape; tone: string }) {
  return (
    <svg class={`glyph ${tone}`} viewBox="0 0 12 12" aria-hidden="true">
      {shape === "disc" && <circle cx="6" cy="6" r="5" />}
      {shape === "ring" && <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />}
      {shape === "half" && (
        <>
          <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />
          <path d="M6 1.8a4.2 4.2 0 0 1 0 8.4z" />
        </>
      )}
      {shape === "triangle" && <path d="M6 1 11.5 11H.5z" />}
      {shape === "square" && <rect x="1.5" y="1.5" width="9" height="9" rx="1" />}
    </svg>
  );
}

const kStatus: Record<HostStatus, [Shape, string, string]> = {
  [HostStatus.UNSPECIFIED]: ["ring", "tone-quiet", "unknown"],
  [HostStatus.STREAMING]: ["disc", "tone-good", "streaming"],
  [HostStatus.DISCONNECTED]: ["triangle", "tone-bad", "disconnected"],
  [HostStatus.ENDED]: ["square", "tone-quiet", "ended"],
};

export function StatusMark({ status }: { status: HostStatus }) {
  const [shape, tone, word] = kStatus[status] ?? kStatus[HostStatus.UNSPECIFIED];
  return (
    <span class="mark">
      <Glyph shape={shape} tone={tone} />
      {word}
    </span>
  );
}

const kConfidence: Partial<Record<Confidence, [Shape, string]>> = {
  [Confidence.PROVEN]: ["disc", "tone-bad"],
  [Confidence.STRONG]: ["half", "tone-warn"],
  [Confidence.SUSPICIOUS]: ["ring", "tone-note"],
};

/** Where the word stands elsewhere, as in the head of a column. */
export function ConfidenceGlyph({ confidence }: { confidence: Confidence }) {
  const [shape, tone] = kConfidence[confidence] ?? ["ring", "tone-quiet"];
  return <Glyph shape={shape} tone={tone} />;
}

export function ConfidenceMark({ confidence }: { confidence: Confidence }) {
  return (
    <span class="mark">
      <ConfidenceGlyph confidence={confidence} />
      {confidenceName(confidence)}
    </span>
  );
}

/** Of a finding that has not ended. */
export function OpenMark({ words }: { words: string }) {
  return (
    <span class="mark open-mark">
      <Glyph shape="half" tone="tone-warn" />
      {words}
    </span>
  );
}

const kVerdicts: Record<string, [Shape, string, string]> = {
  safe: ["disc", "tone-good", "safe"],
  loses: ["triangle", "tone-bad", "loses"],
  unfinished: ["half", "tone-quiet", "not finished"],
};

/** Of a protocol; undefined: it is not known yet. */
export function VerdictMark({ verdict }: { verdict: string | undefined }) {
  const [shape, tone, word] = kVerdicts[verdict ?? ""] ?? ["ring", "tone-quiet", "not known yet"];
  return (
    <span class="mark">
      <Glyph shape={shape} tone={tone} />
      {word}
    </span>
  );
}

const kTriage: Record<Triage, [Shape, string]> = {
  [Triage.UNSPECIFIED]: ["ring", "tone-quiet"],
  [Triage.ACKNOWLEDGED]: ["disc", "tone-good"],
  [Triage.MUTED]: ["square", "tone-quiet"],
};

export function TriageGlyph({ triage }: { triage: Triage }) {
  const [shape, tone] = kTriage[triage] ?? kTriage[Triage.UNSPECIFIED];
  return <Glyph shape={shape} tone={tone} />;
}

export function WarningGlyph() {
  return <Glyph shape="triangle" tone="tone-warn" />;
}
