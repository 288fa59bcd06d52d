/** Hooks for dashboards, under the names and with the results that dashboards have used all along. */
import { useCallback, useEffect, useRef, useState } from "react";
import type { ChannelMode } from "./channel";
import { onceAFrame } from "./frame-clock";
import type { ConnectionState } from "./link";
import {
  type ErrorData,
  type HealthData,
  type Message,
  type MessageMap,
  MessageType,
  type MetricsData,
  type ModelStats,
  type RequestData,
} from "./messages";
import { useLive, useRealtime } from "./provider";

/** Whether the service can be reached, and how well. */
export function useConnection(): {
  connectionState: ConnectionState;
  isConnected: boolean;
  latencyMs: number | undefined;
  attempt: number;
  retryAt: number | undefined;
  retryNow: () => void;
} {
  const { link } = useRealtime();
  const connectionState = useLive((live) => live.link.state);
  const latencyMs = useLive((live) => live.link.latencyMs);
  const attempt = useLive((live) => live.link.attempt);
  const retryAt = useLive((live) => live.link.retryAt);
  return {
    connectionState,
    isConnected: connectionState === "connected",
    latencyMs,
    attempt,
    retryAt,
    retryNow: link.retryNow,
  };
}

/**
 * Every message of a type, as it comes. The stream behind it is open while any component that
 * subscribes is there. `message.type`, `timestamp` (ms) and `sequence` stand beside the data.
 */
export function useRealtimeSubscription<Type extends MessageType>(
  type: Type,
  handler: (data: MessageMap[Type], message: Message<Type>) => void,
): void {
  const realtime = useRealtime();
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    const stop = (
      realtime.on as (name: MessageType, listener: (message: Message<Type>, recent: boolean) => void) => () => void
    ).call(realtime, type, (message) => latest.current(message.data, message));
    const release = realtime.want(type === MessageType.INSIGHT ? "insights" : "metrics");
    return () => {
      stop();
      release();
    };
  }, [realtime, type]);
}

export interface RealtimeMetricsOptions {
  /** How many requests are kept, newest first. */
  maxRecentRequests?: number;
  /** How many errors are kept, newest first. */
  maxRecentErrors?: number;
}

export interface RealtimeMetrics {
  /** Undefined until the first message. */
  metrics: MetricsData | undefined;
  models: ReadonlyMap<string, ModelStats>;
  recentRequests: readonly RequestData[];
  recentErrors: readonly ErrorData[];
  isConnected: boolean;
  connectionState: ConnectionState;
  /** `refused`: this service has no live metrics, or not for this caller. */
  mode: ChannelMode;
  clearHistory: () => void;
}

/** Numbers, models, requests and errors, as they happen; shown at most once a picture. */
export function useRealtimeMetrics(options: RealtimeMetricsOptions = {}): RealtimeMetrics {
  const { maxRecentRequests = 100, maxRecentErrors = 50 } = options;
  const [metrics, setMetrics] = useState<MetricsData>();
  const [models, setModels] = useState<ReadonlyMap<string, ModelStats>>(new Map());
  const requests = useRecent<RequestData>(
    maxRecentRequests,
    (one) => one.request_id || `${one.timestamp}${one.method}`,
  );
  const errors = useRecent<ErrorData>(maxRecentErrors, errorKey);
  useRealtimeSubscription(MessageType.METRICS_UPDATE, setMetrics);
  useRealtimeSubscription(MessageType.MODEL_UPDATE, (news) => {
    setModels((before) => new Map([...before, ...news.map((one) => [one.model, one] as const)]));
  });
  useRealtimeSubscription(MessageType.REQUEST, requests.add);
  useRealtimeSubscription(MessageType.ERROR, errors.add);
  const clearRequests = requests.clear;
  const clearErrors = errors.clear;
  const clearHistory = useCallback(() => {
    clearRequests();
    clearErrors();
  }, [clearRequests, clearErrors]);
  const connectionState = useLive((live) => live.link.state);
  return {
    metrics,
    models,
    recentRequests: requests.kept,
    recentErrors: errors.kept,
    isConnected: connectionState === "connected",
    connectionState,
    mode: useLive((live) => live.modes.metrics),
    clearHistory,
  };
}

/** One model's numbers; undefined while there are none. */
export function useModelMetrics(modelName: string): ModelStats | undefined {
  const [stats, setStats] = useState<ModelStats>();
  useEffect(() => setStats((before) => (before?.model === modelName ? before : undefined)), [modelName]);
  useRealtimeSubscription(MessageType.MODEL_UPDATE, (news) => {
    const found = news.find((one) => one.model === modelName);
    if (found) setStats(found);
  });
  return stats;
}

export interface ErrorMonitorOptions {
  /** How many errors are kept, newest first. */
  maxSize?: number;
  /** Told of each new error; not of those that happened before. */
  onError?: (error: ErrorData) => void;
}

/** Errors of the service. `errorCount` counts all since the last clearing, also those not kept. */
export function useErrorMonitor(options: ErrorMonitorOptions = {}): {
  errors: readonly ErrorData[];
  errorCount: number;
  clearErrors: () => void;
} {
  const realtime = useRealtime();
  const errors = useRecent<ErrorData>(options.maxSize ?? 50, errorKey);
  const [errorCount, setErrorCount] = useState(0);
  const onError = useRef(options.onError);
  onError.current = options.onError;
  const { add, clear } = errors;
  useEffect(() => {
    const stop = realtime.on("error", (message, recent) => {
      if (!add(message.data)) return;
      setErrorCount((before) => before + 1);
      if (!recent) onError.current?.(message.data);
    });
    const release = realtime.want("metrics");
    return () => {
      stop();
      release();
    };
  }, [realtime, add]);
  const clearErrors = useCallback(() => {
    clear();
    setErrorCount(0);
  }, [clear]);
  return { errors: errors.kept, errorCount, clearErrors };
}

/** The state of the service. `isHealthy` is false while nothing is known. */
export function useSystemHealth(): { health: HealthData | undefined; isHealthy: boolean } {
  const [health, setHealth] = useState<HealthData>();
  useRealtimeSubscription(MessageType.SYSTEM_HEALTH, setHealth);
  return { health, isHealthy: health?.status === "healthy" };
}

function errorKey(one: ErrorData): string {
  return `${one.timestamp}|${one.request_id}|${one.error_type}|${one.method}`;
}

/**
 * The newest of what happens, newest first. `add` says whether it was new: a snapshot after a cut
 * tells again what was told before it. What was cleared stays cleared.
 */
function useRecent<Item>(most: number, keyOf: (item: Item) => string) {
  const [kept, setKept] = useState<readonly Item[]>([]);
  const seen = useRef(new Set<string>());
  const list = useRef<Item[]>([]);
  const key = useRef(keyOf);
  const show = useRef(onceAFrame(() => setKept([...list.current])));
  const limit = useRef(most);
  limit.current = most;
  const add = useCallback((item: Item): boolean => {
    const name = key.current(item);
    if (seen.current.has(name)) return false;
    seen.current.add(name);
    if (seen.current.size > 2000) seen.current = new Set([...seen.current].slice(-1000));
    list.current.unshift(item);
    list.current.length = Math.min(list.current.length, limit.current);
    show.current();
    return true;
  }, []);
  const clear = useCallback(() => {
    list.current = [];
    setKept([]);
  }, []);
  return { kept, add, clear };
}
