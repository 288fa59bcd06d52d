/** Insights as they are told, and what an operator does about them. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useCallback, useEffect, useState } from "react";
import { InsightService } from "../gen/enhanced_prompt/v1/insight_service_pb";
import { type Insight, type InsightChange, InsightVerdict } from "../gen/enhanced_prompt/v1/insights_pb";
import type { ChannelMode } from "./channel";
import { onceAFrame } from "./frame-clock";
import { useLive, useRealtime } from "./provider";

export { needsLook } from "./insight-feed";

/** All insights that are known here, newest first by what they are about; live for as long as it is used. */
export function useInsights(): { insights: readonly Insight[]; loaded: boolean; mode: ChannelMode } {
  const realtime = useRealtime();
  const [insights, setInsights] = useState<readonly Insight[]>(() => sorted(realtime.insights.values()));
  useEffect(() => {
    const stop = realtime.on(
      "insight",
      onceAFrame(() => setInsights(sorted(realtime.insights.values()))),
    );
    const release = realtime.want("insights");
    setInsights(sorted(realtime.insights.values()));
    return () => {
      stop();
      release();
    };
  }, [realtime]);
  return { insights, loaded: useLive((live) => live.insightsLoaded), mode: useLive((live) => live.modes.insights) };
}

/** Told of each change as it happens; not of history. */
export function useInsightChanges(handler: (insight: Insight, change: InsightChange) => void): void {
  const realtime = useRealtime();
  useEffect(() => {
    return realtime.on("insight", (message, recent) => {
      if (!recent) handler(message.data.insight, message.data.change);
    });
  }, [realtime, handler]);
}

export type Verdict = "useful" | "false_alarm" | undefined;

/** Acknowledge, judge and mute. Each rejects with what the service says against it. */
export function useInsightActions() {
  const realtime = useRealtime();
  const acknowledge = useCallback(
    async (insightIds: string[], verdict?: Verdict, note = ""): Promise<void> => {
      const judged = {
        useful: InsightVerdict.USEFUL,
        false_alarm: InsightVerdict.FALSE_ALARM,
        none: InsightVerdict.UNSPECIFIED,
      }[verdict ?? "none"];
      const done = await realtime.client.unary(InsightService.method.acknowledgeInsights, {
        insightIds,
        verdict: judged,
        note,
      });
      realtime.noteInsights(done.insights);
    },
    [realtime],
  );
  /** For so many milliseconds; 0 lifts the mute. */
  const mute = useCallback(
    async (dedupeKey: string, forMs: number, note = ""): Promise<void> => {
      await realtime.client.unary(InsightService.method.muteInsights, {
        dedupeKey,
        duration: durationFromMs(forMs),
        note,
      });
    },
    [realtime],
  );
  return { acknowledge, mute };
}

function sorted(insights: Iterable<Insight>): Insight[] {
  const told = (one: Insight) => Number(one.createTime?.seconds ?? one.timestamp?.seconds ?? 0n);
  const about = (one: Insight) => Number(one.window?.startTime?.seconds ?? 0n);
  return [...insights].sort((one, other) => about(other) - about(one) || told(other) - told(one));
}
