import { createRouterTransport } from "@connectrpc/connect";
import { act, cleanup, render, renderHook, screen, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EnhancedPromptClient } from "../src/client";
import { MetricsService } from "../src/gen/enhanced_prompt/v1/metrics_service_pb";
import {
  ConnectionBadge,
  ConnectionStatus,
  MessageType,
  Realtime,
  RealtimeProvider,
  useErrorMonitor,
  useModelMetrics,
  usePromptCraftChat,
  useRealtimeMetrics,
  useSystemHealth,
  useWebSocketSubscription,
  WebSocketProvider,
} from "../src/services";

afterEach(cleanup);

type Frame = { case: string; value: object };

/** A service whose stream of metrics says what a test gives it. */
function service() {
  const waiting: Frame[] = [];
  let wake = () => undefined as undefined;
  const opened = { count: 0 };
  const transport = createRouterTransport(({ service: add }) => {
    add(MetricsService, {
      async *subscribeMetrics(_, context) {
        opened.count += 1;
        let sequence = 0n;
        for (;;) {
          while (waiting.length > 0) {
            sequence += 1n;
            yield { frame: waiting.shift(), sequence, time: { seconds: 100n + sequence, nanos: 0 } } as never;
          }
          await new Promise<void>((resolve) => {
            wake = () => void resolve();
            context.signal.addEventListener("abort", () => resolve());
          });
          if (context.signal.aborted) return;
        }
      },
    });
  });
  const client = new EnhancedPromptClient({ transport });
  client.ping = async () => 3;
  const say = (...frames: Frame[]) => {
    waiting.push(...frames);
    wake();
  };
  const realtime = new Realtime(client);
  const wrapper = ({ children }: { children: ReactNode }) => (
    <RealtimeProvider realtime={realtime}>{children}</RealtimeProvider>
  );
  return { say, realtime, wrapper, opened };
}

const request = (id: number) => ({
  case: "request",
  value: { requestId: `r-${id}`, method: "PromptService/Ask", code: "OK" },
});
const error = (id: number, severity = 2) => ({
  case: "error",
  value: { requestId: `r-${id}`, errorType: "RUNNER_LOST", errorMessage: "gone", severity },
});
const snapshot = {
  case: "snapshot",
  value: {
    metrics: { totalRequests: 41n, avgLatencyMs: 12.5, errorRate: 0.02, requestsPerSecond: 3.5 },
    models: [{ model: "grounded", requestCount: 7n, avgLatencyMs: 20, totalTokens: 9n, totalCost: 0.5 }],
    recentRequests: [{ requestId: "r-0", method: "PromptService/Ask", code: "OK" }],
    recentErrors: [{ requestId: "r-0", errorType: "OLD", errorMessage: "old", severity: 1 }],
    health: { status: 1, cpuUsage: 12, memoryUsage: 34, queueSize: 2 },
  },
};

describe("useRealtimeMetrics", () => {
  it("has the numbers under the names that dashboards use", async () => {
    const { say, wrapper } = service();
    const { result } = renderHook(() => useRealtimeMetrics(), { wrapper });
    say(snapshot);
    await waitFor(() => expect(result.current.metrics?.total_requests).toBe(41));
    expect(result.current.metrics).toMatchObject({ avg_latency_ms: 12.5, error_rate: 0.02, requests_per_second: 3.5 });
    expect(result.current.models.get("grounded")).toMatchObject({ request_count: 7, total_tokens: 9, total_cost: 0.5 });
    expect(result.current.isConnected).toBe(true);
    expect(result.current.connectionState).toBe("connected");
  });

  it("keeps as many requests and errors as it was told to, newest first", async () => {
    const { say, wrapper } = service();
    const { result } = renderHook(() => useRealtimeMetrics({ maxRecentRequests: 2, maxRecentErrors: 1 }), { wrapper });
    say(snapshot, request(1), request(2), request(3), error(1), error(2));
    await waitFor(() => expect(result.current.recentRequests.map((one) => one.request_id)).toEqual(["r-3", "r-2"]));
    await waitFor(() => expect(result.current.recentErrors.map((one) => one.request_id)).toEqual(["r-2"]));
    act(() => result.current.clearHistory());
    expect(result.current.recentRequests).toEqual([]);
    expect(result.current.recentErrors).toEqual([]);
  });

  it("shares one stream among all hooks", async () => {
    const { say, wrapper, opened } = service();
    const { result } = renderHook(
      () => ({ all: useRealtimeMetrics(), health: useSystemHealth(), one: useModelMetrics("grounded") }),
      {
        wrapper,
      },
    );
    say(snapshot);
    await waitFor(() => expect(result.current.one?.request_count).toBe(7));
    expect(result.current.health).toMatchObject({
      isHealthy: true,
      health: { cpu_usage: 12, memory_usage: 34, queue_size: 2 },
    });
    expect(result.current.health.health?.gpu_usage).toBeUndefined();
    expect(opened.count).toBe(1);
  });
});

describe("useErrorMonitor", () => {
  it("calls back for new errors only, bounds its list, counts all, and clears", async () => {
    const { say, wrapper } = service();
    const onError = vi.fn();
    const { result } = renderHook(() => useErrorMonitor({ maxSize: 2, onError }), { wrapper });
    say(snapshot, error(1, 4), error(2), error(3));
    await waitFor(() => expect(result.current.errorCount).toBe(4));
    expect(result.current.errors.map((one) => one.request_id)).toEqual(["r-3", "r-2"]);
    expect(onError).toHaveBeenCalledTimes(3);
    expect(onError.mock.calls[0]?.[0]).toMatchObject({
      severity: "critical",
      error_type: "RUNNER_LOST",
      error_message: "gone",
    });
    act(() => result.current.clearErrors());
    expect(result.current).toMatchObject({ errors: [], errorCount: 0 });
  });
});

describe("the typed subscription", () => {
  it("gives data and message of its type, and only of that", async () => {
    const { say, wrapper } = service();
    const heard: [number, number, string][] = [];
    renderHook(
      () =>
        useWebSocketSubscription(MessageType.METRICS_UPDATE, (data, message) => {
          heard.push([data.total_requests, message.sequence, message.type]);
        }),
      { wrapper },
    );
    say(snapshot, request(1), { case: "update", value: { totalRequests: 42n } });
    await waitFor(() => expect(heard).toHaveLength(2));
    expect(heard).toEqual([
      [41, 1, "metrics_update"],
      [42, 3, "metrics_update"],
    ]);
  });
});

describe("the provider", () => {
  it("is the same under both names", () => {
    expect(WebSocketProvider).toBe(RealtimeProvider);
  });

  it("tells of connecting, and of disconnecting when it is taken away", async () => {
    const { realtime } = service();
    const told: string[] = [];
    const { unmount } = render(
      <RealtimeProvider
        realtime={realtime}
        onConnect={() => told.push("up")}
        onDisconnect={(reason) => told.push(reason)}
      >
        <ConnectionStatus showDetails showLatency />
        <ConnectionBadge className="extra" />
      </RealtimeProvider>,
    );
    expect(screen.getAllByText("Connecting")).toHaveLength(2);
    await waitFor(() => expect(screen.getAllByText("Live")).toHaveLength(2));
    expect(screen.getByText("3.0 ms")).toBeTruthy();
    unmount();
    expect(told).toEqual(["up", "stopped"]);
  });

  it("tells of errors and attempts while nobody answers, and offers to try at once", async () => {
    const { realtime } = service();
    realtime.client.ping = async () => {
      throw new TypeError("network error");
    };
    const onError = vi.fn();
    const onReconnecting = vi.fn();
    render(
      <RealtimeProvider realtime={realtime} onError={onError} onReconnecting={onReconnecting}>
        <ConnectionStatus showDetails />
      </RealtimeProvider>,
    );
    await waitFor(() => expect(onReconnecting).toHaveBeenCalledWith(1));
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ unreached: true }));
    expect(screen.getByText("attempt 1")).toBeTruthy();
    act(() => screen.getByText("Try now").click());
    await waitFor(() => expect(onReconnecting).toHaveBeenCalledWith(2));
  });
});

describe("usePromptCraftChat", () => {
  it("begins empty, disconnected and with nothing to say", () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network error")));
    const { result } = renderHook(() => usePromptCraftChat("user 1", "token"));
    expect(result.current).toMatchObject({
      messages: [],
      isConnected: false,
      isAITyping: false,
      templateOpportunity: null,
    });
    act(() => result.current.sendMessage("  "));
    expect(result.current.messages).toEqual([]);
    vi.unstubAllGlobals();
  });

  it("shows a message at once, before anything was sent", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network error")));
    const { result } = renderHook(() => usePromptCraftChat("user-1"));
    act(() => result.current.sendMessage("did it rain?"));
    await waitFor(() => expect(result.current.messages).toHaveLength(1));
    expect(result.current.messages[0]).toMatchObject({ role: "user", content: "did it rain?" });
    vi.unstubAllGlobals();
  });
});
