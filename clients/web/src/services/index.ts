/**
 * The live side of the service for React. Wrap the app in a RealtimeProvider; hooks below it share
 * its connection. Names are those that dashboards have used all along; `WebSocketProvider` and
 * `useWebSocketSubscription` are the same as the two beginning with "Realtime".
 */
export type { ChannelMode } from "./channel";
export { type ChatMessage, type TemplateOpportunity, usePromptCraftChat } from "./chat";
export { Conversation } from "./conversation";
export { DEBUG_KEY, debug, debugging } from "./debug";
export {
  type ErrorMonitorOptions,
  type RealtimeMetrics,
  type RealtimeMetricsOptions,
  useConnection,
  useErrorMonitor,
  useModelMetrics,
  useRealtimeMetrics,
  useRealtimeSubscription,
  useRealtimeSubscription as useWebSocketSubscription,
  useSystemHealth,
} from "./hooks";
export { needsLook, useInsightActions, useInsightChanges, useInsights } from "./insight-hooks";
export { type ConnectionState, LINK_CONFIG, Link, type LinkConfig } from "./link";
export * from "./messages";
export { PendingQuestions, safeStorage } from "./pending";
export {
  RealtimeProvider,
  RealtimeProvider as WebSocketProvider,
  type RealtimeProviderConfig,
  type RealtimeProviderProps,
  useClient,
  useLive,
  useRealtime,
} from "./provider";
export { Realtime, type RealtimeConfig } from "./realtime";
export { ConnectionBadge, type ConnectionBadgeProps, ConnectionStatus, type ConnectionStatusProps } from "./status";
export { type Step, TurnView } from "./turn-view";
