import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Export } from "../src/app/pages/history/export";
import { excerpt, turnsOf } from "../src/app/pages/history/turns";
import { CallCancelled, EnhancedPromptClient } from "../src/client";
import { PromptResponseSchema } from "../src/gen/enhanced_prompt/v1/answers_pb";
import {
  ConversationMessageSchema,
  type ExportConversationsRequest,
  type ExportConversationsResponse,
  ExportConversationsResponseSchema,
  HistoryService,
  MessageRole,
} from "../src/gen/enhanced_prompt/v1/history_service_pb";

const said = (turnId: string, role: MessageRole, content: string) =>
  create(ConversationMessageSchema, { turnId, role, content });

describe("turns of a conversation", () => {
  it("pair questions with answers and with what was stored of them", () => {
    const found = turnsOf(
      [
        said("t-1", MessageRole.USER, "who?"),
        said("t-1", MessageRole.ASSISTANT, "nobody"),
        said("t-2", MessageRole.USER, "when?"),
      ],
      [create(PromptResponseSchema, { turnId: "t-1", confidenceScore: 0.5 })],
    );
    expect(found.map((one) => [one.question?.content, one.answer?.content])).toEqual([
      ["who?", "nobody"],
      ["when?", undefined],
    ]);
    expect(found[0]?.response?.confidenceScore).toBe(0.5);
    expect(found[1]?.response).toBeUndefined();
  });
});

describe("the excerpt of a found message", () => {
  const match = (content: string, ...highlights: [number, number][]) => ({
    message: said("t-1", MessageRole.ASSISTANT, content),
    highlights: highlights.map(([start, end]) => ({ start, end })) as never,
  });

  it("is the whole of a short one, with its hits", () => {
    const found = excerpt(match("two people came", [4, 10]));
    expect(found.map((one) => [one.text, one.hit])).toEqual([
      ["two ", false],
      ["people", true],
      [" came", false],
    ]);
  });

  it("counts code points", () => {
    expect(excerpt(match("🚗🚗 people", [3, 9])).find((one) => one.hit)?.text).toBe("people");
  });

  it("is the part around the first hit of a long one, cut between words", () => {
    const before = "nothing much happened here ".repeat(20);
    const found = excerpt(
      match(`${before}people came and went ${"again and again ".repeat(30)}`, [before.length, before.length + 6]),
    );
    const text = found.map((one) => one.text).join("");
    expect(found.filter((one) => one.hit).map((one) => one.text)).toEqual(["people"]);
    expect(text.startsWith("… ")).toBe(true);
    expect(text.endsWith(" …")).toBe(true);
    expect(text.length).toBeLessThan(260);
    expect(text).toMatch(/^… (nothing|much|happened|here) /);
  });
});

type Answer = ExportConversationsResponse | ConnectError | Promise<never>;
const conversation = (id: string, resumeToken = id) =>
  create(ExportConversationsResponseSchema, {
    frame: { case: "exported", value: { conversation: { conversationId: id } } },
    resumeToken,
  });
const completed = create(ExportConversationsResponseSchema, {
  frame: { case: "completed", value: { conversations: 1n } },
  resumeToken: "end",
});
const goAway = (resumeToken: string) =>
  create(ExportConversationsResponseSchema, { frame: { case: "goAway", value: {} }, resumeToken });
const AT_ONCE = { attempts: 3, firstMs: 0, longestMs: 0 };

/** A service that answers each call as planned, and the requests that it got. */
function exporting(...plan: Answer[][]) {
  const requests: ExportConversationsRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(HistoryService, {
      async *exportConversations(request) {
        requests.push(request);
        for (const one of plan[requests.length - 1] ?? []) {
          if (one instanceof ConnectError) throw one;
          yield await one;
        }
      },
    });
  });
  const client = new EnhancedPromptClient({ transport });
  return { client, requests };
}

const ids = (found: Export) => found.lines.map((line) => JSON.parse(line).conversation.conversationId);
const lost = () => new ConnectError("cut", Code.Unavailable);
const quiet = () => undefined;

describe("an export", () => {
  it("is one conversation a line, as JSON", async () => {
    const { client, requests } = exporting([conversation("a"), conversation("b"), completed]);
    const found = new Export({ since: 1000, responses: true }, Date.parse("2026-11-20T12:00:00Z"));
    const told: number[] = [];
    await found.read(client, new AbortController().signal, (lines) => told.push(lines), AT_ONCE);
    expect(ids(found)).toEqual(["a", "b"]);
    expect(told).toEqual([1, 2]);
    expect(found.complete).toBe(true);
    expect(found.fileName).toBe("conversations-2026-11-20.jsonl");
    expect((await found.file.text()).split("\n")).toHaveLength(3);
    expect(requests[0]?.includeResponses).toBe(true);
    expect(requests[0]?.activeRange?.startTime?.seconds).toBe(1n);
  });

  it("goes on after cuts and departures from its last place, with nothing lost or doubled", async () => {
    const { client, requests } = exporting(
      [conversation("a"), lost()],
      [conversation("b"), goAway("b")],
      [conversation("c")], // ended without its last message
      [completed],
    );
    const found = new Export({ since: undefined, responses: false }, 0);
    await found.read(client, new AbortController().signal, quiet, AT_ONCE);
    expect(ids(found)).toEqual(["a", "b", "c"]);
    expect(requests.map((one) => one.resumeToken)).toEqual(["", "a", "b", "c"]);
    expect(requests[0]?.activeRange).toBeUndefined();
  });

  it("gives up where it gets no further, keeps what it has, and can be gone on with", async () => {
    const { client, requests } = exporting(
      [conversation("a"), lost()],
      [lost()],
      [lost()],
      [conversation("b"), completed],
    );
    const found = new Export({ since: undefined, responses: false }, 0);
    const read = () => found.read(client, new AbortController().signal, quiet, AT_ONCE);
    await expect(read()).rejects.toMatchObject({ code: Code.Unavailable });
    expect(ids(found)).toEqual(["a"]);
    await read();
    expect(ids(found)).toEqual(["a", "b"]);
    expect(requests.at(-1)?.resumeToken).toBe("a");
  });

  it("does not ask again where the service says no", async () => {
    const { client, requests } = exporting([new ConnectError("no", Code.PermissionDenied)]);
    const found = new Export({ since: undefined, responses: false }, 0);
    await expect(found.read(client, new AbortController().signal, quiet, AT_ONCE)).rejects.toMatchObject({
      code: Code.PermissionDenied,
    });
    expect(requests).toHaveLength(1);
  });

  it("is paused by its signal", async () => {
    const never = new Promise<never>(() => undefined);
    const { client } = exporting([conversation("a"), never], [conversation("b"), completed]);
    const found = new Export({ since: undefined, responses: false }, 0);
    const call = new AbortController();
    await expect(found.read(client, call.signal, () => call.abort(), AT_ONCE)).rejects.toBeInstanceOf(CallCancelled);
    await found.read(client, new AbortController().signal, quiet, AT_ONCE);
    expect(ids(found)).toEqual(["a", "b"]);
  });
});
