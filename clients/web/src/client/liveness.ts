/** A stream that has said nothing for three heartbeats is dead, whatever its connection says. */
import { Code } from "@connectrpc/connect";
import { EnhancedPromptError, toError } from "./errors";

/** Three times the service's heartbeat of 15 s. */
export const QUIET_MS = 45_000;

/**
 * The messages of a stream as they come. Rejects with an `unreached` error when nothing came for
 * `quietMs`, and with CallCancelled when `signal` is aborted; either way the call is ended.
 */
export async function* alive<T>(
  open: (signal: AbortSignal) => Promise<AsyncIterable<T>> | AsyncIterable<T>,
  signal: AbortSignal | undefined,
  quietMs: number = QUIET_MS,
): AsyncGenerator<T, void, undefined> {
  const call = new AbortController();
  const pass = () => call.abort(signal?.reason);
  if (signal?.aborted) pass();
  signal?.addEventListener("abort", pass, { once: true });
  let heard = Date.now();
  let silent = false;
  let timer: ReturnType<typeof setTimeout>;
  const look = () => {
    const left = heard + quietMs - Date.now();
    if (left > 0) {
      timer = setTimeout(look, left);
      return;
    }
    silent = true;
    call.abort();
  };
  timer = setTimeout(look, quietMs);
  try {
    for await (const message of await open(call.signal)) {
      heard = Date.now();
      yield message;
    }
  } catch (thrown) {
    if (silent) {
      throw new EnhancedPromptError(`nothing was heard for ${quietMs / 1000} s`, {
        code: Code.Unavailable,
        unreached: true,
        cause: thrown,
      });
    }
    throw toError(thrown, signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", pass);
    call.abort(); // a reader that leaves early leaves nothing open
  }
}
