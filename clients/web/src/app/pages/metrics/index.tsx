/** Live metrics: how the service itself is doing, each second. */
import "./metrics.css";
import { lazy, Suspense } from "react";
import {
  ConnectionStatus,
  type MetricsData,
  useErrorMonitor,
  useLive,
  useRealtime,
  useRealtimeMetrics,
  useSystemHealth,
} from "../../../services";
import { count, dayAndTime, duration, many, percent } from "../../ui/format";
import { Empty, ErrorNote, PageHead, Skeleton } from "../../ui/parts";
import { Errors, Models, Requests } from "./feeds";
import { Health } from "./health";
import { useSeries } from "./series";

const Charts = lazy(() => import("./charts"));

export default function MetricsPage() {
  const realtime = useRealtime();
  const refused = useLive((live) => live.refusals.metrics?.message);
  const { metrics, models, recentRequests, mode, isConnected, clearHistory } = useRealtimeMetrics({
    maxRecentRequests: 60,
    maxRecentErrors: 50,
  });
  const { errors, errorCount, clearErrors } = useErrorMonitor({ maxSize: 50 });
  const { health } = useSystemHealth();
  const series = useSeries();
  const refusal = refused === undefined ? undefined : realtime.refusals.metrics;
  return (
    <>
      <PageHead title="Live metrics">
        {mode === "polling" && <span className="chip">asked for every 5 s</span>}
        {metrics?.degraded && (
          <span className="chip" data-severity="medium">
            degraded
          </span>
        )}
        <ConnectionStatus showDetails showLatency />
      </PageHead>
      <div className="page-body">
        <div className="page-inner metrics">
          {refusal && <ErrorNote error={refusal} title="No live metrics." retry={() => realtime.retryRefused()} />}
          {!metrics && !refusal && (isConnected ? <Skeleton lines={4} /> : <Away />)}
          {metrics && <Cards metrics={metrics} />}
          {metrics && (
            <Suspense fallback={<div className="metrics-charts" style={{ minHeight: 190 }} />}>
              <Charts series={series} />
            </Suspense>
          )}
          {health && <Health health={health} />}
          {metrics && (
            <>
              <Models models={models} />
              <Requests requests={recentRequests} onClear={clearHistory} />
              <Errors errors={errors} total={errorCount} onClear={clearErrors} />
              {metrics.since && (
                <p className="quiet numeric since">
                  Totals since {dayAndTime(metrics.since)}, of {many(metrics.replicas, "replica")}. Rates and averages
                  of the last 60 seconds.
                </p>
              )}
            </>
          )}
        </div>
      </div>
    </>
  );
}

function Away() {
  return (
    <Empty icon="offline" title="Connecting">
      <p>Numbers appear as soon as the service can be reached.</p>
    </Empty>
  );
}

function Cards({ metrics }: { metrics: MetricsData }) {
  const cards: [string, string, string?][] = [
    ["Requests", count(metrics.total_requests), `${metrics.requests_per_second.toFixed(1)} / s`],
    ["Tokens", count(metrics.total_tokens), `${count(metrics.tokens_per_second)} / s streamed`],
    ["Cost", `$${metrics.total_cost.toFixed(2)}`],
    [
      "Latency",
      metrics.avg_latency_ms ? duration(metrics.avg_latency_ms) : "–",
      metrics.latency_p95_ms === undefined ? undefined : `p95 ${duration(metrics.latency_p95_ms)}`,
    ],
    [
      "First token",
      metrics.time_to_first_token_p50_ms === undefined ? "–" : duration(metrics.time_to_first_token_p50_ms),
      metrics.time_to_first_token_p95_ms === undefined
        ? undefined
        : `p95 ${duration(metrics.time_to_first_token_p95_ms)}`,
    ],
    ["Errors", percent(metrics.error_rate, 2)],
    ["Streamed", `${Math.round(metrics.streaming_percentage)} %`],
    [
      "Open",
      count(metrics.active_connections),
      `${many(metrics.running_turns, "turn")}, ${many(metrics.active_subscriptions, "sub")}`,
    ],
    [
      "Hot memory",
      metrics.hot_memory_hit_rate === undefined ? "–" : percent(metrics.hot_memory_hit_rate),
      metrics.prewarm_time_ms === undefined ? undefined : `warm in ${duration(metrics.prewarm_time_ms)}`,
    ],
  ];
  return (
    <dl className="metric-cards" data-testid="metric-cards">
      {cards.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="numeric">
            {value}
            {more && <span className="quiet">{more}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
