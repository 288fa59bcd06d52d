/** The insights of the last days and every change to them, as it is told. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, type EnhancedPromptClient, EnhancedPromptError, InsightFlow } from "../client";
import { InsightService } from "../gen/enhanced_prompt/v1/insight_service_pb";
import { type Insight, InsightChange, InsightStatus } from "../gen/enhanced_prompt/v1/insights_pb";
import { type ChannelMode, keepOpen } from "./channel";
import type { Link } from "./link";

const PAGE = 200;

export interface InsightFeedOptions {
  client: EnhancedPromptClient;
  link: Link;
  /** `live`: it happened now, and is no history. */
  onChange: (insight: Insight, change: InsightChange, live: boolean) => void;
  onMode: (mode: ChannelMode, error?: EnhancedPromptError) => void;
}

/**
 * Run it until the signal is aborted or the service refuses. What is there is listed once, newest
 * first; the stream goes on from where that list was read. `place` keeps where that is, so that a
 * later call goes on there.
 */
export function followInsightFeed(
  options: InsightFeedOptions,
  place: { flow: InsightFlow | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { client, link } = options;

  const list = async (during: AbortSignal): Promise<string> => {
    const page = await client.unary(
      InsightService.method.listInsights,
      { pageSize: PAGE, filter: { includeMuted: true } },
      { signal: during },
    );
    for (const one of page.insights.toReversed()) options.onChange(one, InsightChange.UNSPECIFIED, false);
    return page.resumeToken;
  };

  async function* open(during: AbortSignal) {
    if (!place.flow) {
      const resumeToken = await list(during);
      place.flow = new InsightFlow({ resumeToken, filter: { includeMuted: true } });
    }
    try {
      yield* client.stream(InsightService.method.subscribeInsights, place.flow.request, { signal: during });
    } catch (thrown) {
      const lost = thrown instanceof EnhancedPromptError && thrown.code === Code.OutOfRange;
      if (!lost) throw thrown;
      place.flow = undefined; // what was missed is in the list, which is read anew
      throw new EnhancedPromptError(thrown.message, { code: thrown.code, retryable: true });
    }
  }

  return keepOpen(
    {
      name: "insights",
      link,
      open,
      take: (message) => {
        place.flow?.take(message.resumeToken);
        if (message.frame.case !== "revision" || !message.frame.value.insight) return;
        options.onChange(message.frame.value.insight, message.frame.value.change, true);
      },
      poll: async (during) => {
        await list(during);
      },
      pollMs: 10_000,
      onMode: options.onMode,
    },
    signal,
  );
}

/** Open and not muted: what somebody should look at. */
export function needsLook(insight: Insight, now = Date.now()): boolean {
  const muted = insight.mutedUntil !== undefined && timestampMs(insight.mutedUntil) > now;
  return insight.status === InsightStatus.OPEN && !muted;
}
