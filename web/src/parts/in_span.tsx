// Waits of a chosen span of a recording: the choice, and calls that are repeated for as long as the answer can change.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { kUnaryMs } from "../api/client";
import { kNewFeed } from "../api/feed";
import { usePoll, type Streamed } from "../api/hooks";
import { boundsOf, spanOf } from "../state/span";
import { Empty, Fed } from "./feed_note";
import type { Chosen } from "./recording";
import { SpanChoice } from "./span_choice";

const kAgainMs = 10_000; // the server reads all waits of the span each time

interface Props {
  chosen: Chosen;
  query: URLSearchParams;
  tools?: ComponentChildren; // in front of the choice of the span
  children: ComponentChildren;
}

/** Its children are there only while there is a span to ask for. */
export function InSpan({ chosen, query, tools, children }: Props) {
  const span = spanOf(query);
  const waitsForEnd = span.kind === "last" && chosen.endNs === 0n;
  return (
    <>
      <div class="toolbar">
        {tools}
        <SpanChoice span={span} query={query} />
      </div>
      {span.kind === "wrong" && <Empty title="No span to look at">{span.problem}</Empty>}
      {waitsForEnd && (
        <Fed feed={kNewFeed} what="end of the recording">
          {null}
        </Fed>
      )}
      {span.kind !== "wrong" && !waitsForEnd && children}
    </>
  );
}

export interface Part {
  host: string;
  recording: string;
  sinceNs: bigint;
  untilNs: bigint;
}

/** Below InSpan. The key stands for everything else that the call closes over. */
export function useSpanPoll<M>(
  key: string,
  chosen: Chosen,
  query: URLSearchParams,
  call: (recording: Part, options: { signal: AbortSignal; timeoutMs: number }) => Promise<M>,
): Streamed<M | undefined> {
  const { host, recording } = chosen;
  // The last seconds of a recording that grows are others at each call; what does not grow is asked for once.
  const now = useRef(chosen);
  now.current = chosen;
  const kept = useRef<{ wanted: string; answer: M }>();
  const of = [host, recording, ...["span", "from", "to"].map((name) => query.get(name))];
  const wanted = `${key} ${JSON.stringify(of)}`;
  return usePoll(
    wanted,
    async (signal) => {
      const { grows, endNs } = now.current;
      if (!grows && kept.current?.wanted === wanted) return kept.current.answer;
      const part = { host, recording, ...boundsOf(spanOf(query), endNs) };
      const answer = await call(part, { signal, timeoutMs: kUnaryMs });
      kept.current = grows ? undefined : { wanted, answer };
      return answer;
    },
    kAgainMs,
  );
}
