// What is shown instead of data, and above data that may be out of date.
import { createContext, type ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { isBroken, isStale, type Feed, type Phase } from "../api/feed";
import { retryAll, useNow } from "../api/hooks";
import { visible } from "../text/visible";
import { wallTime } from "../text/times";
import { WarningGlyph } from "./marks";

function retryWords(feed: Feed, nowMs: number): string {
  if (feed.retryAtMs === 0) return "retrying now";
  const seconds = Math.max(0, Math.ceil((feed.retryAtMs - nowMs) / 1000));
  return seconds === 0 ? "retrying now" : `retrying in ${seconds} s`;
}

const kStaleWords: Partial<Record<Phase, string>> = {
  lost: "Connection lost",
  refused: "The server refused",
  "signed-out": "You are signed out",
};

/** In a tab of its own, so that this page is where it was when its reader comes back; then it asks again by itself. */
export function SignIn({ again }: { again?: boolean }) {
  return (
    <a class="sign-in" href="/login" target="_blank" rel="noopener">
      {again ? "Sign in again" : "Sign in"}
    </a>
  );
}

/** Whether the page already says, above everything, that the connection is lost. */
export const SaidAbove = createContext(false);

export function LostNote({ feed }: { feed: Feed }) {
  const now = useNow();
  if (!isStale(feed)) return null;
  return (
    <div class="note bad" role="status">
      <WarningGlyph />
      <span>
        <strong>{kStaleWords[feed.phase]}</strong>
        {feed.phase === "signed-out" ? "" : `, ${retryWords(feed, now)}`}. What you see is as of{" "}
        {wallTime(BigInt(feed.staleSinceMs) * 1_000_000n, now)}.{" "}
        {feed.phase === "signed-out" ? <SignIn again /> : <span class="quiet">{visible(feed.problem)}</span>}
      </span>
      <button type="button" onClick={retryAll}>
        Retry now
      </button>
    </div>
  );
}

/** Data once there is some; before that, what keeps it from coming. */
export function Fed(props: { feed: Feed; what: string; children: ComponentChildren }) {
  const { feed, what, children } = props;
  const saidAbove = useContext(SaidAbove);
  const now = useNow();
  if (feed.hasData) {
    return (
      <div class={isStale(feed) ? "fed stale" : "fed"}>
        {!saidAbove && <LostNote feed={feed} />}
        {children}
      </div>
    );
  }
  if (feed.phase === "signed-out") {
    return (
      <div class="empty" role="status">
        <h2>Sign in to see this</h2>
        <p>
          The server asks everybody for a token. <SignIn />
        </p>
        <button type="button" onClick={retryAll}>
          Retry now
        </button>
      </div>
    );
  }
  if (isBroken(feed)) {
    return (
      <div class="empty" role="status">
        <h2>{feed.phase === "lost" ? "No connection to the server" : `The server gave no ${what}`}</h2>
        <p>{visible(feed.problem)}</p>
        <p class="quiet">{retryWords(feed, now)}</p>
        <button type="button" onClick={retryAll}>
          Retry now
        </button>
      </div>
    );
  }
  if (feed.phase === "ended")
    return <Empty title={`There is no ${what}`}>The server had nothing to say about it.</Empty>;
  return (
    <div class="loading" role="status" aria-label={`Loading ${what}`}>
      <span class="bar" />
      <span class="bar" />
      <span class="bar" />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

export function ConnectionMark({ feed }: { feed: Feed }) {
  const words: Record<Feed["phase"], [string, string]> = {
    connecting: ["connecting", "tone-quiet"],
    live: ["live", "tone-good"],
    ended: ["live", "tone-good"],
    paused: ["paused", "tone-quiet"],
    lost: ["connection lost, retrying", "tone-bad"],
    refused: ["refused by the server", "tone-bad"],
    "signed-out": ["signed out", "tone-bad"],
  };
  const [word, tone] = words[feed.phase];
  return (
    <span class={`connection ${tone}`} role="status" aria-live="polite">
      <span class="dot" aria-hidden="true" />
      {word}
    </span>
  );
}
