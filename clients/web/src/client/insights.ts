/** A subscription to insights that goes on by itself for ever, by resume tokens. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  InsightService,
  type SubscribeInsightsRequest,
  SubscribeInsightsRequestSchema,
} from "../gen/enhanced_prompt/v1/insight_service_pb";
import type { Insight, InsightChange } from "../gen/enhanced_prompt/v1/insights_pb";
import type { EnhancedPromptClient } from "./client";
import { CallCancelled, type EnhancedPromptError, toError } from "./errors";
import { BACKOFF, type Backoff, reconnectWait, sleep } from "./retry";

/** One entry of the log: the insight as it is since then, and the place after it. */
export interface InsightUpdate {
  insight: Insight;
  change: InsightChange;
  position: bigint;
  resumeToken: string;
}

export interface SubscribeOptions {
  /** Begin at a place that was kept. Without any beginning: now. */
  resumeToken?: string;
  /** Begin at the cursor that the service keeps under a name. */
  subscriptionId?: string;
  filter?: MessageInitShape<typeof SubscribeInsightsRequestSchema>["filter"];
  signal?: AbortSignal;
  backoff?: Backoff;
  /** The stream is open: the first message of it came. */
  onOpen?: () => void;
  /** History has been delivered; what follows happens as it is told. */
  onCaughtUp?: () => void;
  /** Everything up to this place was delivered. */
  onToken?: (resumeToken: string) => void;
  /** The stream ended; another attempt follows in so many milliseconds. */
  onRetry?: (attempt: number, waitMs: number, error: EnhancedPromptError | undefined) => void;
}

const BROKEN: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Unknown, Code.Internal, Code.Canceled]);

/**
 * Where a subscription stands, without any input or output. `request` goes on behind the last
 * message that was taken.
 */
export class InsightFlow {
  readonly request: SubscribeInsightsRequest;
  attempts = 0;

  constructor(options: SubscribeOptions) {
    this.request = create(SubscribeInsightsRequestSchema, { filter: options.filter });
    if (options.resumeToken) this.request.start = { case: "resumeToken", value: options.resumeToken };
    else if (options.subscriptionId) this.request.start = { case: "subscriptionId", value: options.subscriptionId };
  }

  /** Note the place after a message. */
  take(resumeToken: string): void {
    this.attempts = 0;
    if (resumeToken) this.request.start = { case: "resumeToken", value: resumeToken };
  }

  /** Milliseconds until the next attempt. Throws the error where that would be in vain. */
  wait(error: EnhancedPromptError | undefined, backoff: Backoff): number {
    if (error && !error.retryable && (error.reason || !BROKEN.has(error.code))) throw error;
    if (!error && this.attempts === 0) {
      // It ended well, as with a go_away: the next stream goes on where this one was.
      this.attempts = 1;
      return 0;
    }
    this.attempts += 1;
    const wait = reconnectWait(backoff, this.attempts);
    if (wait === undefined) throw error ?? new CallCancelled("the subscription was given up");
    return Math.max(wait, error?.retryAfterMs ?? 0);
  }
}

/**
 * What is unusual, as it is told. Cuts and restarts of the service are survived: the next stream
 * goes on where this one was. Rejects with what trying again does not help against: OUT_OF_RANGE
 * where the place is not kept any more (metadata `earliest_resume_token`), UNAUTHENTICATED.
 */
export async function* followInsights(
  client: EnhancedPromptClient,
  options: SubscribeOptions = {},
): AsyncGenerator<InsightUpdate, void, undefined> {
  const flow = new InsightFlow(options);
  for (;;) {
    let failure: EnhancedPromptError | undefined;
    let opened = false;
    try {
      const stream = client.stream(InsightService.method.subscribeInsights, flow.request, { signal: options.signal });
      for await (const message of stream) {
        if (!opened) {
          opened = true;
          options.onOpen?.();
        }
        flow.take(message.resumeToken);
        if (message.frame.case === "revision" && message.frame.value.insight) {
          const { insight, change, position } = message.frame.value;
          yield { insight, change, position, resumeToken: message.resumeToken };
        }
        if (message.frame.case === "caughtUp") options.onCaughtUp?.();
        options.onToken?.(message.resumeToken);
      }
    } catch (thrown) {
      failure = toError(thrown, options.signal);
      if (failure instanceof CallCancelled) return;
    }
    const wait = flow.wait(failure, options.backoff ?? BACKOFF);
    options.onRetry?.(flow.attempts, wait, failure);
    try {
      await sleep(wait, options.signal);
    } catch {
      return; // the caller has left
    }
  }
}
