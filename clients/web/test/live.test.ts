import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepWarm } from "../src/app/prewarm";
import { BACKOFF, EnhancedPromptClient, reconnectWait } from "../src/client";
import { PromptService } from "../src/gen/enhanced_prompt/v1/prompt_service_pb";
import { keepOpen } from "../src/services/channel";
import { Conversation } from "../src/services/conversation";
import { LINK_CONFIG, Link } from "../src/services/link";
import { PendingQuestions, type Store } from "../src/services/pending";
import { completed, delta, refusal, started } from "./frames";

function store(): Store {
  const kept = new Map<string, string>();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

/** A ping that a test decides about. */
function network(up = true) {
  const state = { up, pings: 0 };
  const ping = async () => {
    state.pings += 1;
    if (!state.up) throw new TypeError("network error");
    return 5;
  };
  return { state, ping };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the link", () => {
  it("has the backoff of 1 s, half as much again each time, 30 s at most, for ever", () => {
    const waits = [1, 2, 3, 4, 20, 1000].map((attempt) => reconnectWait(BACKOFF, attempt));
    expect(waits).toEqual([1000, 1500, 2250, 3375, 30_000, 30_000]);
    expect(LINK_CONFIG.heartbeatInterval).toBe(30_000);
    expect(BACKOFF.maxReconnectAttempts).toBe(Number.POSITIVE_INFINITY);
  });

  it("tells of connecting, losing, each attempt, and connecting again", async () => {
    const { state, ping } = network();
    const link = new Link(ping);
    const told: string[] = [];
    link.on("connect", () => told.push("connect"));
    link.on("disconnect", () => told.push("disconnect"));
    link.on("error", () => told.push("error"));
    link.on("reconnecting", (attempt) => told.push(`attempt ${attempt}`));
    link.start();
    await vi.advanceTimersByTimeAsync(0);
    state.up = false;
    await vi.advanceTimersByTimeAsync(30_000);
    await vi.advanceTimersByTimeAsync(1000);
    state.up = true;
    await vi.advanceTimersByTimeAsync(1500);
    expect(told).toEqual(["connect", "disconnect", "error", "attempt 1", "error", "attempt 2", "connect"]);
    expect(link.latencyMs).toBe(5);
    link.stop();
  });

  it("finds out at once when a stream suspects an outage", async () => {
    const { state, ping } = network();
    const link = new Link(ping);
    link.start();
    await vi.advanceTimersByTimeAsync(10);
    link.suspect("a stream broke");
    await vi.advanceTimersByTimeAsync(0);
    expect(state.pings).toBe(2);
    expect(link.isConnected).toBe(true);
    link.stop();
  });

  it("gives up after so many attempts where that was asked for, and begins again when told to", async () => {
    const { state, ping } = network(false);
    const link = new Link(ping, { maxReconnectAttempts: 2 });
    link.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(link.state).toBe("failed");
    expect(state.pings).toBe(3);
    state.up = true;
    link.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(link.state).toBe("connected");
    link.stop();
  });
});

describe("a channel", () => {
  it("is polled where streams do not get through, and tries the stream again", async () => {
    const link = new Link(network().ping);
    link.start();
    const leave = new AbortController();
    const modes: string[] = [];
    const poll = vi.fn(async () => undefined);
    let streams = 0;
    const ended = keepOpen<number>(
      {
        name: "test",
        link,
        // biome-ignore lint/correctness/useYield: it never gets through
        open: async function* () {
          streams += 1;
          throw new ConnectError("cut", Code.Unavailable);
        },
        take: () => undefined,
        poll,
        onMode: (mode) => modes.push(mode),
      },
      leave.signal,
    );
    await vi.advanceTimersByTimeAsync(10_000);
    expect(modes).toEqual(["opening", "polling"]);
    expect(streams).toBe(4);
    expect(poll).toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(40_000);
    expect(streams).toBeGreaterThan(4);
    leave.abort();
    await ended;
    link.stop();
  });

  it("ends where the service refuses", async () => {
    const link = new Link(network().ping);
    link.start();
    const modes: string[] = [];
    const ended = keepOpen<number>(
      {
        name: "test",
        link,
        // biome-ignore lint/correctness/useYield: it is refused
        open: async function* () {
          throw refusal(Code.PermissionDenied, "PERMISSION_DENIED");
        },
        take: () => undefined,
        onMode: (mode) => modes.push(mode),
      },
      new AbortController().signal,
    );
    await vi.advanceTimersByTimeAsync(10);
    await ended;
    expect(modes).toEqual(["opening", "refused"]);
    link.stop();
  });
});

describe("a conversation", () => {
  const QUICK = { attempts: 2, firstMs: 1, longestMs: 2 };

  function talk(up: boolean) {
    const asked: string[] = [];
    const { state, ping } = network(up);
    const transport = createRouterTransport(({ service }) => {
      service(PromptService, {
        async *ask(request) {
          if (!state.up) throw new ConnectError("gone", Code.Unavailable);
          asked.push(request.requestId);
          for (const value of [
            started(),
            delta("it rained", { sequence: 2 }),
            completed("it rained", { sequence: 3 }),
          ]) {
            yield { frame: { case: "turn", value } };
          }
        },
      });
    });
    const client = new EnhancedPromptClient({ transport, retry: QUICK, reattach: QUICK });
    const link = new Link(ping);
    const pending = new PendingQuestions(store());
    const conversation = new Conversation({ client, link, conversationId: "c-1", pending });
    link.start();
    return { asked, state, link, pending, conversation, client };
  }

  it("sends a question that waited for the service once, as soon as it is there", async () => {
    const { asked, state, link, conversation } = talk(false);
    await vi.advanceTimersByTimeAsync(10);
    const turn = conversation.ask("did it rain?");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(turn.status).toBe("queued");
    expect(asked).toEqual([]);
    state.up = true;
    link.retryNow();
    await vi.advanceTimersByTimeAsync(2000);
    expect(turn.status).toBe("completed");
    expect(turn.text).toBe("it rained");
    expect(asked).toHaveLength(1);
    link.stop();
  });

  it("asks under the same request_id after the service went away in between", async () => {
    const { asked, state, link, conversation } = talk(true);
    await vi.advanceTimersByTimeAsync(10);
    state.up = false;
    const turn = conversation.ask("did it rain?");
    await vi.advanceTimersByTimeAsync(5000);
    expect(turn.status).toBe("queued");
    state.up = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(turn.status).toBe("completed");
    expect(asked).toEqual([turn.requestId]);
    link.stop();
  });

  it("joins what was asked before a reload, and forgets what was answered", async () => {
    const { asked, link, pending, conversation } = talk(true);
    pending.add({ conversationId: "c-1", requestId: "r-before", query: "did it rain?", askedAt: Date.now() });
    conversation.resume();
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual(["r-before"]);
    expect(conversation.latest?.status).toBe("completed");
    expect(pending.of("c-1")).toEqual([]);
    link.stop();
  });

  it("asks one after the other", async () => {
    const { link, conversation } = talk(true);
    await vi.advanceTimersByTimeAsync(10);
    conversation.ask("first?");
    const second = conversation.ask("second?");
    expect(second.status).toBe("waiting");
    await vi.advanceTimersByTimeAsync(100);
    expect(conversation.turns.map((one) => one.status)).toEqual(["completed", "completed"]);
    link.stop();
  });

  it("takes back a question that was not sent", async () => {
    const { asked, state, link, conversation, pending } = talk(false);
    const turn = conversation.ask("did it rain?");
    await vi.advanceTimersByTimeAsync(10);
    await conversation.stop(turn);
    await vi.advanceTimersByTimeAsync(10);
    state.up = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(conversation.turns).toEqual([]);
    expect(asked).toEqual([]);
    expect(pending.of("c-1")).toEqual([]);
    link.stop();
  });
});

describe("prewarming", () => {
  it("happens on opening, and with the first touch after five idle minutes", async () => {
    const prewarm = vi.fn(async () => ({ status: 1, parts: [] }));
    const link = new Link(network().ping);
    let now = 0;
    const stop = keepWarm({ prewarm } as never, link, 5 * 60_000, () => now);
    link.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(prewarm).toHaveBeenCalledTimes(1);
    now += 4 * 60_000;
    dispatchEvent(new Event("keydown"));
    expect(prewarm).toHaveBeenCalledTimes(1);
    now += 5 * 60_000 + 1;
    dispatchEvent(new Event("pointerdown"));
    expect(prewarm).toHaveBeenCalledTimes(2);
    stop();
    link.stop();
  });
});
