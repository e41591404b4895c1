// Examples, and the user's own queries.
import { useState } from "preact/hooks";
import { Foreign } from "../parts/text";
import { kExamples, type Example } from "./examples";
import { keep, savedQueries, withQuery, type SavedQuery } from "./saved";

interface Props {
  text: string; // in the editor
  onChoose(query: Example): void;
}

export function Queries({ text, onChoose }: Props) {
  const [own, setOwn] = useState<readonly SavedQuery[]>(savedQueries);
  const [name, setName] = useState("");
  const [said, setSaid] = useState("");
  const change = (next: readonly SavedQuery[], words: string) => {
    setSaid(keep(next) ? words : "This browser keeps nothing: the list holds until the page is left.");
    setOwn(next);
  };
  const save = () => {
    const called = name.trim();
    if (called === "" || text.trim() === "") {
      setSaid(called === "" ? "Give it a name first." : "There is no query to keep.");
      return;
    }
    change(withQuery(own, { name: called, sql: text }), "Kept in this browser.");
    setName("");
  };
  return (
    <section class="queries" aria-label="Queries">
      <h2>Queries</h2>
      {own.length > 0 && (
        <>
          <h3>Your own</h3>
          <ul>
            {own.map((one) => (
              <li key={one.name}>
                <button type="button" class="name" onClick={() => onChoose(one)}>
                  <Foreign text={one.name} />
                </button>
                <button
                  type="button"
                  class="remove"
                  aria-label={`Remove ${one.name}`}
                  onClick={() => change(own.filter((other) => other !== one), "Removed.")} // prettier-ignore
                >
                  ×
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      <form
        class="keep"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <input
          type="text"
          value={name}
          maxLength={80}
          placeholder="Name"
          aria-label="Name under which the query is kept"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit">Keep this one</button>
      </form>
      <p class="quiet" role="status">
        {said}
      </p>
      <details open>
        <summary>Examples</summary>
        <ul>
          {kExamples.map((one) => (
            <li key={one.name}>
              <button type="button" class="name" onClick={() => onChoose(one)}>
                {one.name}
              </button>
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}
