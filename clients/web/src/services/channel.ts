/**
 * A stream that should be open for as long as somebody wants it, and what stands in for it where
 * streams do not get through (a proxy that holds them back): asking again and again.
 */
import {
  BACKOFF,
  type Backoff,
  CallCancelled,
  type EnhancedPromptError,
  reconnectWait,
  sleep,
  toError,
} from "../client";
import { debug } from "./debug";
import type { Link } from "./link";

/** `refused`: the service said no, and trying again would not change that. */
export type ChannelMode = "opening" | "live" | "polling" | "refused";

export interface ChannelOptions<Message> {
  name: string;
  link: Link;
  open: (signal: AbortSignal) => AsyncIterable<Message>;
  take: (message: Message) => void;
  /** Once, in place of what the stream would have told. */
  poll?: (signal: AbortSignal) => Promise<void>;
  onMode?: (mode: ChannelMode, error?: EnhancedPromptError) => void;
  backoff?: Backoff;
  /** After so many streams in a row that brought nothing, polling stands in. */
  patience?: number;
  /** Between two polls, in milliseconds. */
  pollMs?: number;
  /** How long it is polled before a stream is tried again, in milliseconds. */
  pollForMs?: number;
}

/** Keep it open until the signal is aborted or the service refuses. Never rejects. */
export async function keepOpen<Message>(options: ChannelOptions<Message>, signal: AbortSignal): Promise<void> {
  const { link, name, onMode } = options;
  const patience = options.patience ?? 3;
  let failures = 0;
  onMode?.("opening");
  try {
    while (!signal.aborted) {
      await link.connected(signal);
      let heard = false;
      try {
        for await (const message of options.open(signal)) {
          if (!heard) onMode?.("live");
          heard = true;
          failures = 0;
          options.take(message);
        }
      } catch (thrown) {
        const error = toError(thrown, signal);
        if (error instanceof CallCancelled) return;
        debug(name, "ended with", error.code, error.reason, error.message);
        if (!error.unreached && !error.retryable) {
          onMode?.("refused", error);
          return;
        }
        if (error.unreached) link.suspect(`${name}: ${error.message}`);
      }
      failures = heard ? 1 : failures + 1;
      if (options.poll && failures > patience) await pollFor(options, signal);
      else await sleep(reconnectWait(options.backoff ?? BACKOFF, failures) ?? BACKOFF.maxReconnectInterval, signal);
    }
  } catch {
    // the signal was aborted while waiting
  }
}

async function pollFor<Message>(options: ChannelOptions<Message>, signal: AbortSignal): Promise<void> {
  const until = Date.now() + (options.pollForMs ?? 30_000);
  options.onMode?.("polling");
  while (Date.now() < until) {
    try {
      await options.poll?.(signal);
    } catch (thrown) {
      const error = toError(thrown, signal);
      if (error instanceof CallCancelled) return;
      if (error.unreached) {
        options.link.suspect(`${options.name}: ${error.message}`);
        return;
      }
    }
    await sleep(options.pollMs ?? 5000, signal);
  }
}
