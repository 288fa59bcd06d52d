import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { CallCancelled, EnhancedPromptClient } from "../src/client";
import { HistoryService } from "../src/gen/enhanced_prompt/v1/history_service_pb";
import { InsightService } from "../src/gen/enhanced_prompt/v1/insight_service_pb";
import { PromptService } from "../src/gen/enhanced_prompt/v1/prompt_service_pb";
import { completed, delta, refusal, started } from "./frames";

const QUICK = { attempts: 5, firstMs: 1, longestMs: 2 };
const frames = [
  started(),
  delta("one ", { sequence: 2 }),
  delta("two", { sequence: 3 }),
  completed("one two", { sequence: 4 }),
];
const messages = (from = 0, to = frames.length) =>
  frames.slice(from, to).map((value) => ({ frame: { case: "turn" as const, value } }));

function client(prompt: Partial<ServiceImpl<typeof PromptService>>, more: object = {}) {
  const transport = createRouterTransport(({ service }) => service(PromptService, prompt));
  return new EnhancedPromptClient({ transport, retry: QUICK, reattach: QUICK, ...more });
}

describe("asking", () => {
  it("goes on with WatchTurn where the stream was cut, without losing or doubling a word", async () => {
    const watched: bigint[] = [];
    const asking = client({
      async *ask() {
        yield* messages(0, 2);
        throw new ConnectError("gone", Code.Unavailable);
      },
      async *watchTurn(request) {
        watched.push(request.afterSequence);
        yield* messages(Number(request.afterSequence));
      },
    });
    const turn = asking.ask("what?");
    const texts: string[] = [];
    for await (const one of turn) if (one.payload.case === "textDelta") texts.push(one.payload.value.text);
    expect(texts).toEqual(["one ", "two"]);
    expect(watched).toEqual([2n]);
    expect(turn.closing).toMatchObject({ case: "completed", response: { response: "one two" } });
  });

  it("gives each question a request_id, and the same one to each attempt", async () => {
    const ids: string[] = [];
    const asking = client({
      async *ask(request) {
        ids.push(request.requestId);
        if (ids.length < 3) throw new ConnectError("gone", Code.Unavailable);
        yield* messages();
      },
    });
    expect((await asking.ask("what?").result()).response).toBe("one two");
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).not.toBe("");
  });

  it("stops reading when the signal is aborted, and ends the call", async () => {
    const leave = new AbortController();
    let ended = false;
    const asking = client({
      async *ask(_, context) {
        context.signal.addEventListener("abort", () => {
          ended = true;
        });
        yield* messages(0, 2);
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      },
    });
    const read = async () => {
      for await (const one of asking.ask("what?", { signal: leave.signal })) {
        if (one.payload.case === "textDelta") leave.abort();
      }
    };
    await expect(read()).rejects.toBeInstanceOf(CallCancelled);
    expect(ended).toBe(true);
  });

  it("takes a stream that has gone silent for cut", async () => {
    let calls = 0;
    const asking = client(
      {
        async *ask(_, context) {
          yield* messages(0, 2);
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        },
        async *watchTurn(request) {
          calls += 1;
          yield* messages(Number(request.afterSequence));
        },
      },
      { quietMs: 30 },
    );
    expect((await asking.ask("what?").result()).response).toBe("one two");
    expect(calls).toBe(1);
  });

  it("tells of an error of authentication and throws it", async () => {
    const onError = vi.fn();
    const asking = client(
      {
        // biome-ignore lint/correctness/useYield: it fails before its first frame
        async *ask() {
          throw refusal(Code.Unauthenticated, "CREDENTIALS_EXPIRED");
        },
      },
      { onError },
    );
    await expect(asking.ask("what?").result()).rejects.toMatchObject({ unauthenticated: true });
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: Code.Unauthenticated }));
  });
});

describe("unary calls", () => {
  it("are repeated where that is harmless, and only there", async () => {
    const calls = { read: 0, write: 0 };
    const transport = createRouterTransport(({ service }) => {
      service(HistoryService, {
        listConversations() {
          calls.read += 1;
          if (calls.read < 3) throw new ConnectError("gone", Code.Unavailable);
          return {};
        },
        deleteConversation() {
          calls.write += 1;
          throw new ConnectError("gone", Code.Unavailable);
        },
      });
    });
    const calling = new EnhancedPromptClient({ transport, retry: QUICK });
    await calling.unary(HistoryService.method.listConversations, {});
    await expect(
      calling.unary(HistoryService.method.deleteConversation, { conversationId: "x" }),
    ).rejects.toMatchObject({
      unreached: true,
    });
    expect(calls).toEqual({ read: 3, write: 1 });
  });
});

describe("following insights", () => {
  it("goes on behind the last message after a cut, by its resume_token", async () => {
    const starts: (string | undefined)[] = [];
    const transport = createRouterTransport(({ service }) => {
      service(InsightService, {
        async *subscribeInsights(request) {
          starts.push(request.start.case === "resumeToken" ? request.start.value : undefined);
          const at = starts.length;
          yield {
            frame: { case: "revision", value: { insight: { insightId: `i-${at}` }, position: BigInt(at) } },
            resumeToken: `t-${at}`,
          };
          yield { frame: { case: "heartbeat" as const, value: { lastSequence: 0n } }, resumeToken: `t-${at}b` };
          throw new ConnectError("gone", Code.Unavailable);
        },
      });
    });
    const following = new EnhancedPromptClient({ transport });
    const leave = new AbortController();
    const backoff = { reconnectInterval: 1, reconnectDecay: 1, maxReconnectInterval: 1, maxReconnectAttempts: 9 };
    const seen: string[] = [];
    for await (const update of following.insights({ signal: leave.signal, backoff })) {
      seen.push(update.insight.insightId);
      if (seen.length === 3) leave.abort();
    }
    expect(seen).toEqual(["i-1", "i-2", "i-3"]);
    expect(starts).toEqual([undefined, "t-1b", "t-2b"]);
  });

  it("throws where the place is not kept any more", async () => {
    const transport = createRouterTransport(({ service }) => {
      service(InsightService, {
        // biome-ignore lint/correctness/useYield: it fails before its first message
        async *subscribeInsights() {
          throw refusal(Code.OutOfRange, "CURSOR_OUT_OF_RANGE", { earliest_resume_token: "t-9" });
        },
      });
    });
    const stream = new EnhancedPromptClient({ transport }).insights({ resumeToken: "t-0" });
    await expect(stream.next()).rejects.toMatchObject({ metadata: { earliest_resume_token: "t-9" } });
  });
});
