// Runs a query and gathers its rows while they come.
import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "preact/hooks";
import { explain, sql } from "../api/client";
import type { SqlEnd } from "../gen/wakewatch/v1/sql_pb";
import { cellOf, problemOf, type Problem, type SqlRow } from "../state/sql";

export interface Asked {
  host: string;
  recording: string;
  part: number; // 0: the newest
  sql: string;
  rowsMax: number;
  secondsMax: number;
}

export interface Answer {
  asked: Asked;
  phase: "running" | "done" | "failed" | "cancelled";
  columns: readonly string[];
  rows: readonly SqlRow[];
  end: SqlEnd | undefined;
  problem: Problem | undefined;
  tookMs: number;
}

const kShowAgainMs = 100; // while rows come
const kSlackMs = 5000; // beyond the time that the server was given

function codeName(error: unknown): string {
  return Code[ConnectError.from(error).code].replace(
    /[A-Z]/g,
    (letter, i) => (i > 0 ? "_" : "") + letter.toLowerCase(),
  );
}

export function useRun() {
  const [answer, setAnswer] = useState<Answer>();
  const running = useRef<AbortController>();
  useEffect(() => () => running.current?.abort("left"), []);

  const run = async (asked: Asked) => {
    running.current?.abort("again");
    const abort = new AbortController();
    running.current = abort;
    const begun = performance.now();
    const rows: SqlRow[] = [];
    let now: Answer = { asked, phase: "running", columns: [], rows: [], end: undefined, problem: undefined, tookMs: 0 };
    let shownMs = begun;
    const show = (change: Partial<Answer>) => {
      if (running.current !== abort) return;
      shownMs = performance.now();
      now = { ...now, ...change, rows: rows.slice(), tookMs: shownMs - begun };
      setAnswer(now);
    };
    show({});
    try {
      const request = {
        host: asked.host,
        recording: asked.recording,
        part: asked.part,
        sql: asked.sql,
        rowsMax: BigInt(asked.rowsMax),
        millisecondsMax: asked.secondsMax * 1000,
      };
      const timeoutMs = asked.secondsMax * 1000 + kSlackMs;
      for await (const message of sql.query(request, { signal: abort.signal, timeoutMs })) {
        if (message.columns.length > 0) show({ columns: message.columns });
        for (const row of message.rows) rows.push(row.values.map(cellOf));
        if (message.end !== undefined) show({ end: message.end });
        else if (performance.now() - shownMs > kShowAgainMs) show({});
      }
      show({ phase: "done" });
    } catch (error) {
      if (abort.signal.aborted) {
        show({ phase: "cancelled" });
        return;
      }
      const { problem, definite } = explain(error);
      show({ phase: "failed", problem: problemOf(definite ? codeName(error) : codeOfLoss(error), problem) });
    }
  };

  const cancel = () => running.current?.abort("cancelled");
  return { answer, run, cancel };
}

/** A connection that is not there comes as "unknown". */
function codeOfLoss(error: unknown): string {
  const name = codeName(error);
  return name === "unknown" && ConnectError.from(error).cause instanceof TypeError ? "unavailable" : name;
}
