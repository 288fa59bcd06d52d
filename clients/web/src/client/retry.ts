/** When what failed is tried again: two ways of waiting, for two kinds of patience. */

/** For calls and turns: full jitter between 0 and `firstMs * 2**n`, at most `longestMs`. */
export interface Retry {
  /** How often in all, the first one counted. */
  attempts: number;
  firstMs: number;
  longestMs: number;
}

/** Calls that can be repeated. */
export const RETRY: Retry = { attempts: 3, firstMs: 100, longestMs: 2000 };

/** Readers of a turn after a cut; each frame lets it count anew. */
export const REATTACH: Retry = { attempts: 10, firstMs: 100, longestMs: 5000 };

/**
 * Milliseconds to wait after the attempt of that number (from 1); undefined to give up. `draw` is
 * uniform in 0..1. What the server asks for is a lower bound, and ends it where it is longer.
 */
export function retryWait(
  retry: Retry,
  attempt: number,
  retryAfterMs: number | undefined,
  draw: number,
): number | undefined {
  const least = retryAfterMs ?? 0;
  if (attempt >= retry.attempts || least > retry.longestMs) return undefined;
  return Math.max(draw * Math.min(retry.longestMs, retry.firstMs * 2 ** (attempt - 1)), least);
}

/** For connections that should be there for as long as a page is open. */
export interface Backoff {
  /** Before the first attempt to connect again, in milliseconds. */
  reconnectInterval: number;
  /** What each wait is multiplied by. */
  reconnectDecay: number;
  /** No wait is longer, in milliseconds. */
  maxReconnectInterval: number;
  /** How often it is tried before giving up. */
  maxReconnectAttempts: number;
}

export const BACKOFF: Backoff = {
  reconnectInterval: 1000,
  reconnectDecay: 1.5,
  maxReconnectInterval: 30_000,
  maxReconnectAttempts: Number.POSITIVE_INFINITY,
};

/** Milliseconds before the attempt of that number (from 1); undefined where it is one too many. */
export function reconnectWait(backoff: Backoff, attempt: number): number | undefined {
  if (attempt > backoff.maxReconnectAttempts) return undefined;
  const power = Math.min(attempt - 1, 60);
  return Math.min(backoff.maxReconnectInterval, backoff.reconnectInterval * backoff.reconnectDecay ** power);
}

/** Wait so long. Rejects with the signal's reason when it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
