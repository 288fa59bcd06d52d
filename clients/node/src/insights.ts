/** Following insights, through cuts and restarts. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { pause, type Client } from "./client.js";
import { CallFailed } from "./errors.js";
import {
  InsightService,
  SubscribeInsightsRequestSchema,
} from "./gen/enhanced_prompt/v1/insight_service_pb.js";
import type { InsightRevision } from "./gen/enhanced_prompt/v1/insights_pb.js";
import { jittered, waitAfter } from "./options.js";

/** One message of the log of insights. */
export interface Update {
  /** The entry; undefined where only the place moved: while nothing happens it stays young so. */
  readonly revision: InsightRevision | undefined;
  /**
   * The place after it. Kept in the same commit as what was done with the entry, it gives each
   * entry exactly once.
   */
  readonly resumeToken: string;
}

/**
 * The log of insights from the place that the request names, for ever: leave the loop, or use the
 * signal. The next stream goes on behind the last message. Throws CallFailed where the place is
 * not kept any more (CURSOR_OUT_OF_RANGE, SUBSCRIBER_TOO_SLOW), and where no server was ever there.
 */
export async function* subscribeInsights(
  client: Client,
  wanted: MessageInitShape<typeof SubscribeInsightsRequestSchema> = {},
  signal?: AbortSignal,
): AsyncGenerator<Update, void, undefined> {
  const request = create(SubscribeInsightsRequestSchema, wanted);
  // Where nothing was ever heard, a server that is not there is the caller's to know of.
  let patient = request.start.case === "resumeToken";
  let failed = 0;
  for (;;) {
    let error: CallFailed | undefined;
    try {
      const stream = client.listen(InsightService.method.subscribeInsights, request, signal);
      for await (const { frame, resumeToken } of stream) {
        failed = 0;
        patient = true;
        request.start = { case: "resumeToken", value: resumeToken };
        yield { revision: frame.case === "revision" ? frame.value : undefined, resumeToken };
      }
    } catch (raised) {
      if (!(raised instanceof CallFailed)) throw raised;
      error = raised;
    }
    failed += 1;
    if (error && !error.broken && !error.retryable) throw error;
    let wait: number | undefined;
    if (error && !patient) wait = waitAfter(client.retry, failed, error.retryAfter);
    else wait = Math.max(jittered(client.reattach, failed), error?.retryAfter ?? 0);
    if (wait === undefined) throw error;
    await pause(wait, signal);
  }
}
