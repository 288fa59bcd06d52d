import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Code, EnhancedPromptError, StreamCut, TurnFlow, toError } from "../src/client";
import { AskRequestSchema } from "../src/gen/enhanced_prompt/v1/prompt_service_pb";
import { broken, completed, delta, failed, refusal, reset, started } from "./frames";

const flow = (options = {}) => new TurnFlow(create(AskRequestSchema, { query: "what?", requestId: "r-1" }), options);
const cut = () => toError(broken());

describe("reading a turn", () => {
  it("asks first, and ends with the answer", () => {
    const turn = flow();
    expect(turn.call().rpc).toBe("ask");
    turn.take(started());
    turn.take(delta("one ", { sequence: 2 }));
    turn.take(completed("one two", { sequence: 3 }));
    expect(turn.after(undefined, 0)).toBeUndefined();
    expect(turn.closing?.case).toBe("completed");
    expect(turn.conversationId).toBe("c-1");
  });

  it("asks again with the same request where the cut came before the first frame", () => {
    const turn = flow();
    const first = turn.call();
    expect(turn.after(cut(), 0)).toBe(0);
    expect(turn.call()).toMatchObject({ rpc: "ask", request: first.request });
  });

  it("watches from the last sequence after a cut, and takes no frame twice", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    turn.take(delta("one ", { sequence: 2 }));
    turn.after(cut(), 0);
    const call = turn.call();
    expect(call).toMatchObject({ rpc: "watch", request: { turnId: "turn-1", attempt: 1, afterSequence: 2n } });
    expect(turn.take(delta("one ", { sequence: 2 }))).toEqual([]);
    turn.take(delta("two", { sequence: 3 }));
    expect(turn.text).toBe("one two");
  });

  it("takes the end of a stream without a closing frame for a cut", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    expect(turn.after(undefined, 0)).toBe(0);
    expect(turn.call().rpc).toBe("watch");
  });

  it("asks again when the turn to watch is not found", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    turn.after(cut(), 0);
    turn.call();
    turn.after(toError(refusal(Code.NotFound, "TURN_NOT_FOUND")), 0);
    expect(turn.call().rpc).toBe("ask");
  });

  it("withdraws what was shown when asking again made another turn", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    turn.take(delta("old", { sequence: 2 }));
    const frames = turn.take(started({ turnId: "turn-2" }));
    expect(frames.map((one) => one.payload.case)).toEqual(["reset", "started"]);
    expect(turn.text).toBe("");
  });

  it("asks for the next attempt when its runner went away, and says nothing of it", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    turn.take(delta("half", { sequence: 2 }));
    expect(turn.take(failed(Code.Unavailable, "RUNNER_LOST"))).toEqual([]);
    expect(turn.after(undefined, 0)).toBe(0);
    expect(turn.call().rpc).toBe("ask");
    turn.take(reset(2));
    turn.take(delta("whole", { attempt: 2, sequence: 2 }));
    expect(turn.text).toBe("whole");
  });

  it("throws the turn's own error after its failed frame", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    turn.take(failed(Code.Internal, "TURN_FAILED", { sequence: 2 }, false));
    expect(() => turn.after(undefined, 0)).toThrow(expect.objectContaining({ reason: "TURN_FAILED" }));
  });

  it("goes on where a failure speaks only of the way to the turn", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    expect(turn.take(failed(Code.Unavailable, "BUS_UNAVAILABLE"))).toEqual([]);
    expect(turn.closing).toBeUndefined();
    expect(turn.after(toError(refusal(Code.Unavailable, "BUS_UNAVAILABLE")), 0)).toBe(0);
  });

  it("throws at a gap instead of showing half of a text", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    expect(() => turn.take(delta("late", { sequence: 5, previous: 4 }))).toThrow(StreamCut);
  });

  it("begins the text anew where a model failed", () => {
    const turn = flow();
    turn.call();
    turn.take(started());
    turn.take(delta("wrong", { sequence: 2 }));
    turn.take({ ...delta("", { sequence: 3 }), payload: { case: "textWithdrawn", value: {} as never } });
    turn.take(delta("right", { sequence: 4 }));
    expect(turn.text).toBe("right");
  });

  it("has the text of an answer whose log is gone", () => {
    const turn = flow();
    turn.call();
    turn.take(completed("stored", { replayed: true }));
    expect(turn.text).toBe("stored");
  });

  it("gives up after so many attempts in vain, and says where it stood", () => {
    const turn = flow({ reattach: { attempts: 3, firstMs: 1, longestMs: 1 } });
    turn.call();
    turn.take(started());
    expect(turn.after(cut(), 0)).toBe(0);
    turn.call();
    expect(turn.after(cut(), 0)).toBe(0);
    turn.call();
    turn.call();
    expect(() => turn.after(cut(), 0)).toThrow(expect.objectContaining({ turnId: "turn-1", lastSequence: 1n }));
  });

  it("throws what trying again does not help against", () => {
    const turn = flow();
    turn.call();
    const error = toError(refusal(Code.Unauthenticated, "CREDENTIALS_EXPIRED"));
    expect(() => turn.after(error, 0)).toThrow(error);
  });

  it("counts its deadline over all calls together", () => {
    let now = 1000;
    const turn = flow({ deadlineMs: 500, now: () => now });
    expect(turn.call().timeoutMs).toBe(500);
    now += 200;
    expect(turn.call().timeoutMs).toBe(300);
  });
});

describe("errors", () => {
  it("carry reason, metadata and when to try again", () => {
    const error = toError(refusal(Code.ResourceExhausted, "RATE_LIMITED", { limit: "5/minute" }, 7));
    expect(error).toMatchObject({
      reason: "RATE_LIMITED",
      retryAfterMs: 7000,
      unreached: false,
      metadata: { limit: "5/minute" },
    });
  });

  it("of a broken connection are no answer of the service", () => {
    expect(cut()).toMatchObject({ code: Code.Unavailable, unreached: true, retryable: true, reason: "" });
  });

  it("are a cancelling where the caller aborted", () => {
    expect(toError(broken(), AbortSignal.abort())).toMatchObject({ code: Code.Canceled });
    expect(toError(new EnhancedPromptError("x", { code: Code.NotFound }), AbortSignal.abort()).code).toBe(
      Code.NotFound,
    );
  });
});
