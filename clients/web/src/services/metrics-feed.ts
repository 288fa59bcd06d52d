/** Live metrics: a stream while anybody looks, GetMetrics again and again where streams fail. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { EnhancedPromptClient, EnhancedPromptError } from "../client";
import {
  MetricsService,
  type MetricsSnapshot,
  type SubscribeMetricsResponse,
} from "../gen/enhanced_prompt/v1/metrics_service_pb";
import { type ChannelMode, keepOpen } from "./channel";
import type { Link } from "./link";
import {
  errorData,
  healthData,
  type Message,
  type MessageMap,
  MessageType,
  metricsData,
  modelStats,
  requestData,
} from "./messages";

export interface MetricsFeedOptions {
  client: EnhancedPromptClient;
  link: Link;
  /** Everything that comes. `recent` marks what a snapshot brought of the past. */
  onMessage: (message: Message, recent: boolean) => void;
  onMode: (mode: ChannelMode, error?: EnhancedPromptError) => void;
}

/** Run it until the signal is aborted or the service refuses. */
export function followMetrics(options: MetricsFeedOptions, signal: AbortSignal): Promise<void> {
  const { client, link, onMode } = options;
  let sequence = 0;
  const tell = <Type extends MessageType>(type: Type, data: MessageMap[Type], timestamp: number, recent = false) =>
    options.onMessage({ type, timestamp, sequence, data } as Message, recent);

  const takeSnapshot = (snapshot: MetricsSnapshot) => {
    const at = snapshot.time ? timestampMs(snapshot.time) : Date.now();
    if (snapshot.metrics) tell(MessageType.METRICS_UPDATE, metricsData(snapshot.metrics), at);
    tell(MessageType.MODEL_UPDATE, snapshot.models.map(modelStats), at);
    if (snapshot.health) tell(MessageType.SYSTEM_HEALTH, healthData(snapshot.health), at);
    // Newest first: told oldest first, as they happened.
    for (const one of snapshot.recentRequests.toReversed()) tell(MessageType.REQUEST, requestData(one), at, true);
    for (const one of snapshot.recentErrors.toReversed()) tell(MessageType.ERROR, errorData(one), at, true);
  };

  const take = (message: SubscribeMetricsResponse) => {
    const at = message.time ? timestampMs(message.time) : Date.now();
    sequence = Number(message.sequence);
    const { frame } = message;
    switch (frame.case) {
      case "snapshot":
        return takeSnapshot(frame.value);
      case "update":
        return tell(MessageType.METRICS_UPDATE, metricsData(frame.value), at);
      case "request":
        return tell(MessageType.REQUEST, requestData(frame.value), at);
      case "error":
        return tell(MessageType.ERROR, errorData(frame.value), at);
      case "health":
        return tell(MessageType.SYSTEM_HEALTH, healthData(frame.value), at);
      case "models":
        return tell(MessageType.MODEL_UPDATE, frame.value.models.map(modelStats), at);
    }
  };

  return keepOpen(
    {
      name: "metrics",
      link,
      open: (during) => client.stream(MetricsService.method.subscribeMetrics, {}, { signal: during }),
      take,
      poll: async (during) => {
        const { snapshot } = await client.unary(MetricsService.method.getMetrics, {}, { signal: during });
        if (snapshot) takeSnapshot(snapshot);
      },
      onMode,
    },
    signal,
  );
}
