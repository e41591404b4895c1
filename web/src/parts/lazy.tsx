// A page whose code comes when it is first shown.
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Fed } from "./feed_note";
import { kNewFeed } from "../api/feed";

export function lazyPage<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let loaded: FunctionComponent<P> | undefined;
  return function LazyPage(props: P) {
    const [, drawAnew] = useState(0);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (loaded !== undefined || failed) return;
      let left = false;
      load().then(
        (page) => {
          loaded = page;
          if (!left) drawAnew((n) => n + 1);
        },
        () => {
          if (!left) setFailed(true);
        },
      );
      return () => {
        left = true;
      };
    }, [failed]);
    if (loaded !== undefined) {
      const Page = loaded;
      return <Page {...props} />;
    }
    if (!failed) {
      return (
        <Fed feed={kNewFeed} what="page">
          {null}
        </Fed>
      );
    }
    return (
      <Empty title="This page could not be loaded">
        The server is away, or was upgraded since this tab was opened.{" "}
        <button type="button" onClick={() => window.location.reload()}>
          Reload
        </button>
      </Empty>
    );
  };
}
