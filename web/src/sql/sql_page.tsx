// Read-only SQL over one recording.
import { useEffect, useRef, useState } from "preact/hooks";
import { Choice } from "../parts/choice";
import { Empty } from "../parts/feed_note";
import { RecordingChoice, useRecording } from "../parts/recording";
import { CopyButton } from "../parts/copy";
import { replaceQuery } from "../router";
import type { Hosts } from "../state/hosts";
import { parseChart } from "../state/sql";
import { count } from "../text/units";
import { ChartOf } from "./chart";
import { Editor, insertAtCaret } from "./editor";
import { kExamples, type Example } from "./examples";
import { Queries } from "./queries";
import { Results } from "./results";
import { useRun } from "./run";
import { SchemaBrowser } from "./schema_browser";

// What the server lets at most; it may be set to less, and then says so in the answer.
const kRowsMax: readonly number[] = [1_000, 10_000, 100_000];
const kSecondsMax: readonly number[] = [2, 5, 10];

interface Props {
  hosts: Hosts;
  query: URLSearchParams;
}

export function SqlPage({ hosts, query }: Props) {
  const names = [...hosts.byName.keys()];
  const host = query.get("host") ?? names[0] ?? "";
  if (host === "") {
    return (
      <>
        <h1>SQL</h1>
        <Empty title="There is no recording to ask yet">
          As soon as a host delivers events, they can be asked here.
        </Empty>
      </>
    );
  }
  return <Console key={host} host={host} names={names} hosts={hosts} query={query} />;
}

const within = (allowed: readonly number[], text: string | null) =>
  allowed.includes(Number(text)) ? Number(text) : allowed.at(-1)!;

function Console({ host, names, hosts, query }: Props & { host: string; names: readonly string[] }) {
  const chosen = useRecording(host, query, hosts.byName.get(host));
  const asked = query.get("q") ?? "";
  const [text, setText] = useState(asked || kExamples[0]!.sql);
  const area = useRef<HTMLTextAreaElement>(null);
  const { answer, run, cancel } = useRun();
  const part = Number(query.get("part") ?? 0) || 0;
  const rowsMax = within(kRowsMax, query.get("rows"));
  const secondsMax = within(kSecondsMax, query.get("seconds"));
  const running = answer?.phase === "running";
  const ask = (sql: string) => void run({ host, recording: chosen.recording, part, sql, rowsMax, secondsMax });
  const start = (sql: string, chart?: string) => {
    if (sql.trim() === "") return;
    replaceQuery({ host, q: sql, ...(chart === undefined ? {} : { chart }) });
    ask(sql);
  };
  const choose = (one: Example) => {
    setText(one.sql);
    start(one.sql, one.chart ?? "");
  };
  // A link that was shared shows its answer.
  useEffect(() => {
    if (asked !== "") ask(asked);
  }, [chosen.recording, part]);
  const parts = answer?.end?.parts ?? part;
  return (
    <>
      <h1>SQL</h1>
      <div class="toolbar">
        <Choice
          label="Host"
          value={host}
          names={names}
          onChange={(next) => replaceQuery({ host: next, recording: undefined, part: undefined })}
        />
        <RecordingChoice chosen={chosen} />
        {parts > 1 && (
          <Choice
            label="Part"
            value={part === 0 ? "" : String(part)}
            names={Array.from({ length: parts }, (_, i) => String(i + 1))}
            all="the newest"
            onChange={(next) => replaceQuery({ part: next })}
          />
        )}
        <Choice
          label="Rows at most"
          value={String(rowsMax)}
          names={kRowsMax.map(String)}
          wordsOf={(rows) => count(Number(rows))}
          onChange={(rows) => replaceQuery({ rows })}
        />
        <Choice
          label="Seconds at most"
          value={String(secondsMax)}
          names={kSecondsMax.map(String)}
          onChange={(seconds) => replaceQuery({ seconds })}
        />
      </div>
      <div class="console">
        <div>
          <Editor
            text={text}
            running={running}
            area={area}
            onText={setText}
            onRun={() => start(text)}
            onCancel={cancel}
          />
          <div class="toolbar">
            <button type="button" class="primary" onClick={() => start(text)} disabled={running}>
              Run
            </button>
            <CopyButton what="link" text={() => linkTo(host, text)} />
            <span class="quiet">Answers come from what is stored; only reading is allowed.</span>
          </div>
          {answer === undefined ? (
            <p class="quiet">No query has run yet. Choose an example, or write one.</p>
          ) : (
            <>
              <ChartOf chart={parseChart(query.get("chart"))} columns={answer.columns} rows={answer.rows} />
              <Results answer={answer} onCancel={cancel} />
            </>
          )}
        </div>
        <aside aria-label="Queries and schema">
          <Queries text={text} onChoose={choose} />
          <SchemaBrowser
            host={host}
            recording={chosen.recording}
            onName={(name) => area.current && insertAtCaret(area.current, name)}
          />
        </aside>
      </div>
    </>
  );
}

/** The address of what is in the editor, also when it has not run. */
function linkTo(host: string, text: string): string {
  replaceQuery({ host, q: text });
  return window.location.href;
}
