// Who is signed in, at the top of every page.
import { useEffect, useState } from "preact/hooks";
import { fleet, kUnaryMs } from "../api/client";
import type { Feed } from "../api/feed";
import type { GetCallerResponse } from "../gen/wakewatch/v1/fleet_pb";
import { callerWords } from "../state/caller";
import { visible } from "../text/visible";
import { SignIn } from "./feed_note";

export function SignedIn({ feed }: { feed: Feed }) {
  const [caller, setCaller] = useState<GetCallerResponse>();
  const [failed, setFailed] = useState(false);
  // Somebody else may have signed in by the time that the connection is back.
  const live = feed.phase === "live";
  useEffect(() => {
    if (!live) return;
    const stop = new AbortController();
    fleet.getCaller({}, { signal: stop.signal, timeoutMs: kUnaryMs }).then(setCaller, () => {
      if (!stop.signal.aborted) setCaller(undefined); // a server that cannot tell: nothing is shown
    });
    return () => stop.abort();
  }, [live]);

  const signOut = async () => {
    try {
      await fetch("/logout", { method: "POST", redirect: "manual" });
      window.location.assign("/login");
    } catch {
      setFailed(true);
    }
  };

  if (feed.phase === "signed-out") return <SignIn />;
  const words = caller && callerWords(caller);
  if (words === undefined) return null;
  return (
    <span class="caller" title={words.may}>
      <span>
        <span class="quiet">signed in as</span> {visible(words.name)}
      </span>
      {words.canSignOut && (
        <button type="button" class="plain" onClick={() => void signOut()}>
          {failed ? "Sign out (try again)" : "Sign out"}
        </button>
      )}
    </span>
  );
}
