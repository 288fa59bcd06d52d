/** What live updates carry: plain objects under the names that dashboards have used all along. */
import { timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Insight, InsightChange } from "../gen/enhanced_prompt/v1/insights_pb";
import {
  type ErrorRecord,
  HealthStatus,
  type Metrics,
  type ModelMetrics,
  type RequestRecord,
  type SystemHealth,
} from "../gen/enhanced_prompt/v1/metrics_service_pb";

export const MessageType = {
  METRICS_UPDATE: "metrics_update",
  MODEL_UPDATE: "model_update",
  REQUEST: "request",
  ERROR: "error",
  SYSTEM_HEALTH: "system_health",
  INSIGHT: "insight",
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Rates and averages are over the last 60 seconds; totals since `since`. */
export interface MetricsData {
  total_requests: number;
  total_tokens: number;
  /** US dollars. */
  total_cost: number;
  avg_latency_ms: number;
  /** 0 to 1. */
  error_rate: number;
  /** 0 to 100. */
  streaming_percentage: number;
  requests_per_second: number;
  tokens_per_second: number;
  active_connections: number;
  time_to_first_token_p50_ms: number | undefined;
  time_to_first_token_p95_ms: number | undefined;
  latency_p95_ms: number | undefined;
  prewarm_time_ms: number | undefined;
  /** 0 to 1. */
  hot_memory_hit_rate: number | undefined;
  degraded: boolean;
  running_turns: number;
  active_subscriptions: number;
  since: Date | undefined;
  replicas: number;
}

/** Since the service started. */
export interface ModelStats {
  model: string;
  request_count: number;
  avg_latency_ms: number;
  total_tokens: number;
  total_cost: number;
  error_count: number;
  time_to_first_token_p50_ms: number | undefined;
  time_to_first_token_p95_ms: number | undefined;
}

export interface RequestData {
  request_id: string;
  /** Milliseconds since 1970. */
  timestamp: number;
  method: string;
  model: string;
  latency_ms: number;
  tokens: number | undefined;
  cost: number | undefined;
  code: string;
  streamed: boolean;
  time_to_first_token_ms: number | undefined;
}

export type SeverityName = "low" | "medium" | "high" | "critical";

export interface ErrorData {
  error_type: string;
  error_message: string;
  severity: SeverityName;
  /** Milliseconds since 1970. */
  timestamp: number;
  code: string;
  method: string;
  model: string;
  request_id: string;
  incident_id: string;
}

export type HealthName = "unknown" | "healthy" | "degraded" | "unhealthy";

/** Usages in percent. */
export interface HealthData {
  status: HealthName;
  cpu_usage: number;
  memory_usage: number;
  gpu_usage: number | undefined;
  queue_size: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  version: string;
  components: { name: string; status: HealthName; detail: string; since: Date | undefined }[];
  providers: { model: string; status: HealthName; running_calls: number; last_error: string }[];
  replicas: {
    name: string;
    status: HealthName;
    draining: boolean;
    start_time: Date | undefined;
    active_connections: number;
    cpu_usage: number;
    memory_bytes: number;
  }[];
}

export interface InsightData {
  insight: Insight;
  change: InsightChange;
}

/** The data of each kind of message. */
export interface MessageMap {
  metrics_update: MetricsData;
  model_update: ModelStats[];
  request: RequestData;
  error: ErrorData;
  system_health: HealthData;
  insight: InsightData;
}

/** One message. `timestamp` in milliseconds since 1970; `sequence` counts in its stream. */
export interface Message<Type extends MessageType = MessageType> {
  type: Type;
  timestamp: number;
  sequence: number;
  data: MessageMap[Type];
}

const SEVERITIES: readonly SeverityName[] = ["low", "low", "medium", "high", "critical"];
const HEALTHS: Record<HealthStatus, HealthName> = {
  [HealthStatus.UNSPECIFIED]: "unknown",
  [HealthStatus.HEALTHY]: "healthy",
  [HealthStatus.DEGRADED]: "degraded",
  [HealthStatus.UNHEALTHY]: "unhealthy",
};

export function severityName(severity: number): SeverityName {
  return SEVERITIES[severity] ?? "low";
}

export function metricsData(from: Metrics): MetricsData {
  return {
    total_requests: Number(from.totalRequests),
    total_tokens: Number(from.totalTokens),
    total_cost: from.totalCost,
    avg_latency_ms: from.avgLatencyMs,
    error_rate: from.errorRate,
    streaming_percentage: from.streamingPercentage,
    requests_per_second: from.requestsPerSecond,
    tokens_per_second: from.tokensPerSecond,
    active_connections: from.activeConnections,
    time_to_first_token_p50_ms: from.timeToFirstTokenP50Ms,
    time_to_first_token_p95_ms: from.timeToFirstTokenP95Ms,
    latency_p95_ms: from.latencyP95Ms,
    prewarm_time_ms: from.prewarmTimeMs,
    hot_memory_hit_rate: from.hotMemoryHitRate,
    degraded: from.degraded,
    running_turns: from.runningTurns,
    active_subscriptions: from.activeSubscriptions,
    since: from.since && timestampDate(from.since),
    replicas: from.replicas,
  };
}

export function modelStats(from: ModelMetrics): ModelStats {
  return {
    model: from.model,
    request_count: Number(from.requestCount),
    avg_latency_ms: from.avgLatencyMs,
    total_tokens: Number(from.totalTokens),
    total_cost: from.totalCost,
    error_count: Number(from.errorCount),
    time_to_first_token_p50_ms: from.timeToFirstTokenP50Ms,
    time_to_first_token_p95_ms: from.timeToFirstTokenP95Ms,
  };
}

export function requestData(from: RequestRecord): RequestData {
  return {
    request_id: from.requestId,
    timestamp: from.time ? timestampMs(from.time) : 0,
    method: from.method,
    model: from.model,
    latency_ms: from.latencyMs,
    tokens: from.tokens === undefined ? undefined : Number(from.tokens),
    cost: from.cost,
    code: from.code,
    streamed: from.streamed,
    time_to_first_token_ms: from.timeToFirstTokenMs,
  };
}

export function errorData(from: ErrorRecord): ErrorData {
  return {
    error_type: from.errorType,
    error_message: from.errorMessage,
    severity: severityName(from.severity),
    timestamp: from.time ? timestampMs(from.time) : 0,
    code: from.code,
    method: from.method,
    model: from.model,
    request_id: from.requestId,
    incident_id: from.incidentId,
  };
}

export function healthData(from: SystemHealth): HealthData {
  return {
    status: HEALTHS[from.status] ?? "unknown",
    cpu_usage: from.cpuUsage,
    memory_usage: from.memoryUsage,
    gpu_usage: from.gpuUsage,
    queue_size: from.queueSize,
    timestamp: from.time ? timestampMs(from.time) : 0,
    version: from.version,
    components: from.components.map((one) => ({
      name: one.name,
      status: HEALTHS[one.status] ?? "unknown",
      detail: one.detail,
      since: one.since && timestampDate(one.since),
    })),
    providers: from.providers.map((one) => ({
      model: one.model,
      status: HEALTHS[one.status] ?? "unknown",
      running_calls: one.runningCalls,
      last_error: one.lastError,
    })),
    replicas: from.replicas.map((one) => ({
      name: one.name,
      status: HEALTHS[one.status] ?? "unknown",
      draining: one.draining,
      start_time: one.startTime && timestampDate(one.startTime),
      active_connections: one.activeConnections,
      cpu_usage: one.cpuUsage,
      memory_bytes: Number(one.memoryBytes),
    })),
  };
}
