// The timeline of one recording: the engine, with the components around it.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { analysis, findings, kUnaryMs } from "../api/client";
import { kNewFeed } from "../api/feed";
import { usePoll } from "../api/hooks";
import type { Finding } from "../gen/wakewatch/v1/findings_pb";
import { WarningGlyph } from "../parts/marks";
import { replaceQuery } from "../router";
import { duration } from "../text/units";
import { visible } from "../text/visible";
import { parseAddress, queryOf } from "./address";
import { FindDialog, HelpDialog, type Named } from "./dialogs";
import { Engine, type Options } from "./engine";
import { titleOf } from "./items";
import { Legend } from "./legend";
import { Folded, Panel } from "./panel";
import { Stage } from "./stage";
import { RangePanel } from "./summary";
import { timeWords } from "./times";
import { Pins, Toolbar } from "./toolbar";
import { harmless, laneName, Twin } from "./twin";
import { useKeys } from "./use_keys";
import "./timeline.css";

const kShowMs = 80; // components follow a moving view that often
const kAddressMs = 300;
const kOwnMax = 8;
const kRetryMs = 1000;
const kFindingsMax = 2000;
const kFindingsMs = 15_000;

interface Props extends Omit<Options, "changed"> {
  query: URLSearchParams;
  live: boolean;
  end: number;
}

/** Its engine lives as long as the component: another recording is another component. */
function useEngine(props: Props): Engine {
  const [, setVersion] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const engine = useMemo(() => {
    const changed = () => {
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        setVersion((version) => version + 1);
      }, kShowMs);
    };
    const made = new Engine({ ...props, changed });
    made.adopt(parseAddress(props.query));
    return made;
  }, []);
  useEffect(() => {
    const retry = setInterval(() => engine.touch(false), kRetryMs);
    return () => {
      clearInterval(retry);
      clearTimeout(timer.current);
      engine.end();
    };
  }, [engine]);
  return engine;
}

const ownText = (engine: Engine) => JSON.stringify(queryOf(engine.address()));

/** The page's state goes to the address when it rests, and what somebody else wrote there is adopted. */
function useAddress(engine: Engine, query: URLSearchParams): void {
  const inAddress = JSON.stringify(queryOf(parseAddress(query)));
  const written = useRef(inAddress);
  // What was written comes back as a query, but perhaps not before the next was written.
  const own = useRef([inAddress]);
  useEffect(() => {
    if (own.current.includes(inAddress)) return;
    written.current = inAddress;
    own.current = [inAddress];
    engine.adopt(parseAddress(query));
  }, [inAddress]);
  const now = ownText(engine);
  useEffect(() => {
    const timer = setTimeout(() => {
      const wanted = queryOf(engine.address());
      // As it is read again, so that what is written is what is compared.
      const text = JSON.stringify(wanted);
      if (text === written.current) return;
      written.current = text;
      own.current = [...own.current, text].slice(-kOwnMax);
      replaceQuery(wanted);
    }, kAddressMs);
    return () => clearTimeout(timer);
  }, [now]);
}

function useThreads(engine: Engine, needed: boolean) {
  const { host, recording } = engine.scene.source;
  const [asked, setAsked] = useState(needed);
  useEffect(() => setAsked((before) => before || needed), [needed]);
  const { state, feed } = usePoll(
    `names ${host} ${recording} ${asked}`,
    async (signal): Promise<Named[]> => {
      if (!asked) return [];
      const answer = await analysis.listThreads(
        { recording: { host, recording }, userTasks: true },
        { signal, timeoutMs: kUnaryMs },
      );
      return answer.threads.map(({ pid, comm, kind }) => ({ pid, comm, kind }));
    },
    Infinity,
  );
  useEffect(() => {
    engine.names = new Map((state ?? []).map(({ pid, comm }) => [pid, comm]));
    engine.touch(true);
  }, [state]);
  return { threads: asked ? state : undefined, feed: asked ? feed : kNewFeed };
}

function useFindings(engine: Engine, live: boolean): void {
  const { host, recording } = engine.scene.source;
  const { state } = usePoll(
    `marks ${host} ${recording}`,
    (signal) =>
      findings.listFindings(
        { host, recording, limit: kFindingsMax, worstFirst: true },
        { signal, timeoutMs: kUnaryMs },
      ),
    live ? kFindingsMs : Infinity,
  );
  useEffect(() => {
    const surest = (a: Finding, b: Finding) => b.confidence - a.confidence || Number(b.waitedNs - a.waitedNs);
    engine.setFindings([...(state?.findings ?? [])].sort(surest));
  }, [state]);
}

export function Timeline(props: Props) {
  const { query, live, end } = props;
  const engine = useEngine(props);
  const [dialog, setDialog] = useState<"find" | "help">();
  useKeys(engine, { find: () => setDialog("find"), help: () => setDialog("help") });
  useAddress(engine, query);
  useFindings(engine, live);
  useEffect(() => engine.setEnd(end), [end]);
  useEffect(() => {
    engine.overview = props.overview;
    engine.touch(false);
  }, [props.overview]);
  const { threads, feed } = useThreads(engine, dialog === "find" || engine.pins.length > 0);
  const close = () => setDialog(undefined);
  const { range } = engine;
  return (
    <div class="tl">
      <Toolbar engine={engine} live={live} onFind={() => setDialog("find")} onHelp={() => setDialog("help")} />
      <Pins engine={engine} />
      <Stage engine={engine} describedBy="tl-hint" />
      <p class="quiet tl-hint" id="tl-hint">
        {duration(engine.view.end - engine.view.start)} from {timeWords(engine.clock, engine.view.start)}. Keys: ? lists
        them, T has the lanes as a table.
      </p>
      <Notes engine={engine} />
      <Said engine={engine} />
      {engine.panel && <Panel engine={engine} />}
      {range && <RangePanel engine={engine} range={range} />}
      {engine.table && <Twin engine={engine} />}
      <Folded title="What the colours mean" of="legend">
        <Legend />
      </Folded>
      {dialog === "help" && <HelpDialog onClose={close} />}
      {dialog === "find" && (
        <FindDialog
          threads={threads}
          problem={feed.problem}
          pins={engine.pins}
          onPin={(pid) => engine.togglePin(pid)}
          onClose={close}
        />
      )}
    </div>
  );
}

/** What is not shown, and why. */
function Notes({ engine }: { engine: Engine }) {
  const { lanes, details } = engine.scene.problems;
  const many = engine.scene.tooMany();
  const kinds = [
    ["interrupts, softirqs, work and timers", many.activities],
    ["wakeups", many.wakeups],
    ["states of pinned threads", many.spans],
  ].flatMap(([name, is]) => (is ? [name] : []));
  return (
    <div role="status">
      {lanes !== "" && (
        <p>
          <WarningGlyph /> The server did not tell what is in view: {visible(lanes)}
        </p>
      )}
      {details !== "" && (
        <p>
          <WarningGlyph /> Interrupts, wakeups and states of threads are not shown: {visible(details)}
        </p>
      )}
      {kinds.length > 0 && <p class="quiet">Too many to be shown here, zoom in: {kinds.join("; ")}.</p>}
    </div>
  );
}

/** For screen readers: what was just chosen or done. */
function Said({ engine }: { engine: Engine }) {
  const item = engine.selected;
  const lane = engine.selectedLane;
  const chosen =
    item === undefined
      ? ""
      : `${lane === undefined ? "" : `${laneName(engine, lane)}: `}${titleOf(item, harmless)}, ` +
        `${duration(item.to - item.from)} from ${timeWords(engine.clock, item.from)}`;
  return (
    <>
      <p class="hidden" aria-live="polite" data-testid="timeline-chosen">
        {chosen}
      </p>
      <p class="hidden" aria-live="polite" data-testid="timeline-said">
        {engine.announced}
      </p>
    </>
  );
}
