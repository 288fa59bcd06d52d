/** What the dashboard asks for, each half minute. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { EnhancedPromptClient } from "../../../client";
import {
  AnalyticsBucket,
  type GetPromptAnalyticsResponse,
  HistoryService,
} from "../../../gen/enhanced_prompt/v1/history_service_pb";
import { type Answered, answered, merged } from "./numbers";

const HOUR = 3_600_000;

export const PERIODS = {
  day: { title: "24 hours", ms: 24 * HOUR, words: "the 24 hours before" },
  week: { title: "7 days", ms: 7 * 24 * HOUR, words: "the 7 days before" },
  month: { title: "30 days", ms: 30 * 24 * HOUR, words: "the 30 days before" },
} as const;
export type PeriodName = keyof typeof PERIODS;

/** Responses carry their evidence: not more of them are fetched than the charts need. */
const PAGE = 50;
const MOST = 200;

export interface Numbers {
  analytics: GetPromptAnalyticsResponse;
  /** Newest first. */
  responses: Answered[];
  from: number;
  to: number;
}

/** `kept` are responses that came before: only newer ones are asked for. */
export async function loadNumbers(
  client: EnhancedPromptClient,
  period: PeriodName,
  kept: readonly Answered[],
  now: number,
  signal: AbortSignal,
): Promise<Numbers> {
  const from = now - PERIODS[period].ms;
  const timeRange = { startTime: timestampFromMs(from), endTime: timestampFromMs(now) };
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const [analytics, responses] = await Promise.all([
    client.unary(
      HistoryService.method.getPromptAnalytics,
      { timeRange, bucket: AnalyticsBucket.HOUR, timeZone },
      { signal },
    ),
    newest(client, kept, from, now, signal),
  ]);
  return { analytics, responses, from, to: now };
}

async function newest(
  client: EnhancedPromptClient,
  kept: readonly Answered[],
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<Answered[]> {
  const since = Math.max(from, kept[0]?.at ?? 0);
  const timeRange = { startTime: timestampFromMs(since), endTime: timestampFromMs(to) };
  const found: Answered[] = [];
  let pageToken = "";
  do {
    const page = await client.unary(
      HistoryService.method.listPromptResponses,
      { pageSize: PAGE, pageToken, timeRange },
      { signal },
    );
    found.push(...page.responses.map(answered));
    pageToken = page.nextPageToken;
  } while (pageToken && found.length < MOST);
  return merged(found, kept, from, MOST);
}
