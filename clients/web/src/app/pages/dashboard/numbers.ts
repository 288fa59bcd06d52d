/** The dashboard's arithmetic: buckets, hours of the day, and a period against the one before. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { PromptResponse } from "../../../gen/enhanced_prompt/v1/answers_pb";
import type { PromptAnalyticsPoint } from "../../../gen/enhanced_prompt/v1/history_service_pb";
import type { Insight } from "../../../gen/enhanced_prompt/v1/insights_pb";
import type { SeverityName } from "../../../services";
import { count, duration } from "../../ui/format";

/** What the charts need of a response. */
export interface Answered {
  id: string;
  /** When it was finished, in milliseconds since 1970. */
  at: number;
  query: string;
  processingMs: number;
  /** 0 to 1. */
  confidence: number;
  evidence: number;
}

export function answered(response: PromptResponse): Answered {
  return {
    id: response.turnId,
    at: response.timestamp ? timestampMs(response.timestamp) : 0,
    query: response.query,
    processingMs: response.processingTimeMs,
    confidence: response.confidenceScore,
    evidence: response.evidenceCount,
  };
}

/** Newest first, each once, at most so many, none older than `since`. */
export function merged(fresh: readonly Answered[], kept: readonly Answered[], since: number, most: number): Answered[] {
  const found = new Map([...kept, ...fresh].map((one) => [one.id, one]));
  return [...found.values()]
    .filter((one) => one.at >= since)
    .sort((one, other) => other.at - one.at)
    .slice(0, most);
}

/** Upper ends count to their bucket: 0.3 is low, 0.7 is medium. */
export const CONFIDENCE = [
  { name: "Low", range: "0–0.3", upTo: 0.3 },
  { name: "Medium", range: "0.3–0.7", upTo: 0.7 },
  { name: "High", range: "0.7–1.0", upTo: 1 },
] as const;

export interface ConfidenceBucket {
  name: (typeof CONFIDENCE)[number]["name"];
  range: string;
  value: number;
}

export function confidenceBuckets(scores: readonly number[]): ConfidenceBucket[] {
  const found = CONFIDENCE.map(({ name, range }) => ({ name, range, value: 0 }));
  for (const score of scores) {
    const index = CONFIDENCE.findIndex((one) => score <= one.upTo);
    const bucket = found[index < 0 ? found.length - 1 : index];
    if (bucket) bucket.value += 1;
  }
  return found;
}

export const SEVERITIES: readonly SeverityName[] = ["low", "medium", "high", "critical"];

export function bySeverity(severities: readonly SeverityName[]): { severity: SeverityName; count: number }[] {
  return SEVERITIES.map((severity) => ({ severity, count: severities.filter((one) => one === severity).length }));
}

/** Responses by hour of the day over all days, "00:00" to "23:00", in the reader's own zone. */
export function byHourOfDay(
  points: readonly Pick<PromptAnalyticsPoint, "timeRange" | "totals">[],
  hourOf: (at: number) => number = (at) => new Date(at).getHours(),
): { hour: string; count: number }[] {
  const found = Array.from({ length: 24 }, (_, hour) => ({ hour: `${String(hour).padStart(2, "0")}:00`, count: 0 }));
  for (const { timeRange, totals } of points) {
    const slot = timeRange?.startTime && found[hourOf(timestampMs(timeRange.startTime))];
    if (slot) slot.count += Number(totals?.responses ?? 0n);
  }
  return found;
}

/** How a number stands against the period before. `better` is undefined where more is neither. */
export interface Trend {
  text: string;
  direction: "up" | "down" | "same";
  better: boolean | undefined;
}

/** In percent of what was; undefined where there is nothing to compare. */
export function relative(now: number, before: number): Trend | undefined {
  if (before === 0) return now === 0 ? undefined : { text: "none before", direction: "up", better: undefined };
  const change = ((now - before) / before) * 100;
  return trend(Math.round(change), (value) => `${count(value)} %`, undefined);
}

/** In points of percent; more is better. Shares are 0 to 1. */
export function points(now: number | undefined, before: number | undefined): Trend | undefined {
  if (now === undefined || before === undefined) return undefined;
  return trend(Math.round((now - before) * 1000) / 10, (value) => `${value.toFixed(1)} points`, 1);
}

/** In milliseconds; less is better. */
export function faster(now: number | undefined, before: number | undefined): Trend | undefined {
  if (now === undefined || before === undefined) return undefined;
  return trend(Math.round((now - before) * 10) / 10, duration, -1);
}

/** As a number of what began; more is neither. */
export function more(now: number, before: number): Trend {
  return trend(now - before, (value) => `${count(value)} begun`, undefined);
}

function trend(change: number, show: (value: number) => string, good: 1 | -1 | undefined): Trend {
  if (change === 0) return { text: "as before", direction: "same", better: undefined };
  const sign = change > 0 ? "+" : "−";
  return {
    text: `${sign}${show(Math.abs(change))}`,
    direction: change > 0 ? "up" : "down",
    better: good === undefined ? undefined : Math.sign(change) === good,
  };
}

/** How many insights began in a period, in real time. */
export function begun(insights: readonly Pick<Insight, "createTime">[], from: number, to: number): number {
  return insights.filter(({ createTime }) => {
    const at = createTime ? timestampMs(createTime) : Number.NaN;
    return at >= from && at < to;
  }).length;
}
