// A change as a shape, a colour and a word.
import { kChangeWords, type Change } from "./change";

const kShapes: Record<Change, [string, string]> = {
  longer: ["M6 1 11.5 11H.5z", "tone-bad"],
  shorter: ["M6 11 .5 1h11z", "tone-good"],
  "not sure": ["M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1zm0 1.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8z", "tone-quiet"],
  "too few": ["M1 5.2h2.4v1.6H1zm3.8 0h2.4v1.6H4.8zm3.8 0H11v1.6H8.6z", "tone-quiet"],
  "only before": ["M1 1h4v10H1z", "tone-note"],
  "only after": ["M7 1h4v10H7z", "tone-note"],
  none: ["M1 5.2h10v1.6H1z", "tone-quiet"],
};

export function ChangeMark({ change }: { change: Change }) {
  const [shape, tone] = kShapes[change];
  return (
    <span class="mark">
      <svg class={`glyph ${tone}`} viewBox="0 0 12 12" aria-hidden="true">
        <path d={shape} fill-rule="evenodd" />
      </svg>
      {kChangeWords[change]}
    </span>
  );
}
