/** A list that comes a page at a time: the first by itself, others when they are wanted. */
import { useCallback, useEffect, useRef, useState } from "react";
import { type EnhancedPromptError, toError } from "../../client";
import { type Loaded, useLoaded } from "./loading";

export interface Page<Item> {
  items: Item[];
  next: string;
}

export interface Pages<Item> extends Omit<Loaded<unknown>, "value"> {
  /** Undefined until the first page is there. */
  items: readonly Item[] | undefined;
  /** Undefined where there is no more. */
  more: (() => void) | undefined;
  loadingMore: boolean;
}

export function usePages<Item>(fetch: (token: string, signal: AbortSignal) => Promise<Page<Item>>): Pages<Item> {
  const first = useLoaded(useCallback((signal: AbortSignal) => fetch("", signal), [fetch]));
  const [rest, setRest] = useState<Page<Item>>();
  const [error, setError] = useState<EnhancedPromptError>();
  const [loadingMore, setLoadingMore] = useState(false);
  const call = useRef<AbortController>(undefined);
  useEffect(() => {
    // Another first page: what was read behind the one before does not follow it.
    if (first.value) setRest(undefined);
    setError(undefined);
    setLoadingMore(false);
    return () => call.current?.abort();
  }, [first.value]);
  const next = rest ? rest.next : first.value?.next;
  const more = () => {
    call.current?.abort();
    const mine = new AbortController();
    call.current = mine;
    setLoadingMore(true);
    setError(undefined);
    fetch(next ?? "", mine.signal)
      .then(
        (page) =>
          mine.signal.aborted || setRest((was) => ({ items: [...(was?.items ?? []), ...page.items], next: page.next })),
        (thrown) => mine.signal.aborted || setError(toError(thrown)),
      )
      .finally(() => mine.signal.aborted || setLoadingMore(false));
  };
  return {
    items: first.value && [...first.value.items, ...(rest?.items ?? [])],
    error: error ?? first.error,
    busy: first.busy,
    reload: first.reload,
    more: next ? more : undefined,
    loadingMore,
  };
}
