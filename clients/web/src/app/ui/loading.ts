/** What a part of a page asks the service for: once, again when the connection is back, and now and then. */
import { useCallback, useEffect, useState } from "react";
import { CallCancelled, type EnhancedPromptError, toError } from "../../client";
import { useRealtime } from "../../services";

export interface Loaded<Value> {
  /** The newest that came; it stays while it is asked for again, also where that fails. */
  value: Value | undefined;
  error: EnhancedPromptError | undefined;
  busy: boolean;
  reload: () => void;
}

/** `load` is asked whenever it is another function, and each `everyMs` while somebody can see the page. */
export function useLoaded<Value>(load: (signal: AbortSignal) => Promise<Value>, everyMs = 0): Loaded<Value> {
  const { link } = useRealtime();
  const [state, setState] = useState<Omit<Loaded<Value>, "reload">>({ value: undefined, error: undefined, busy: true });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((one) => one + 1), []);
  useEffect(() => {
    const call = new AbortController();
    if (round >= 0) setState((was) => ({ ...was, busy: true }));
    load(call.signal).then(
      (value) => !call.signal.aborted && setState({ value, error: undefined, busy: false }),
      (thrown) => {
        const error = toError(thrown, call.signal);
        if (!(error instanceof CallCancelled)) setState((was) => ({ ...was, error, busy: false }));
      },
    );
    return () => call.abort();
  }, [load, round]);
  useEffect(() => link.on("connect", reload), [link, reload]);
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  return { ...state, reload };
}
