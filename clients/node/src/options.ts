/** How a client behaves where calls do not say otherwise. Times are in milliseconds. */

import type { ChannelCredentials } from "@grpc/grpc-js";

/**
 * How often and how soon something is tried again. Waits are drawn with full jitter between 0 and
 * `first * 2 ** n`, at most `longest`; a RetryInfo of the service is a lower bound, and ends the
 * trying where it is above `longest`.
 */
export interface Retry {
  readonly attempts: number;
  readonly first: number;
  readonly longest: number;
}

export interface Options {
  /** Of the transport; default plaintext, which is for loopback. */
  readonly credentials?: ChannelCredentials;
  /** A bearer token or an API key, sent with every call. */
  readonly token?: string;
  /** Until the first frame of a turn; default 3 attempts, 100 ms, 2 s. */
  readonly retry?: Retry;
  /** After it, from each frame anew; default 10 attempts, 100 ms, 5 s. */
  readonly reattach?: Retry;
  /**
   * Silence after which a stream counts as cut: heartbeats come every 15 s, and three of them may
   * be missed. Default 45 s.
   */
  readonly silence?: number;
}

export const RETRY: Retry = { attempts: 3, first: 100, longest: 2_000 };
export const REATTACH: Retry = { attempts: 10, first: 100, longest: 5_000 };
export const SILENCE = 45_000;

/** Milliseconds to wait after the attempt of a number (from 1), undefined to give up. */
export function waitAfter(
  retry: Retry,
  attempt: number,
  retryAfter: number,
): number | undefined {
  if (attempt >= retry.attempts || retryAfter > retry.longest) return undefined;
  return Math.max(jittered(retry, attempt), retryAfter);
}

/** A wait with full jitter after the attempt of a number (from 1). */
export function jittered(retry: Retry, attempt: number): number {
  const ceiling = Math.min(retry.longest, retry.first * 2 ** (attempt - 1));
  return Math.random() * ceiling;
}
