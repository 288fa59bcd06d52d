/** Frames and a service for tests: what the real one would send, on a transport without a network. */
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError } from "@connectrpc/connect";
import { PromptResponseSchema } from "../src/gen/enhanced_prompt/v1/answers_pb";
import { type TurnFrame, TurnFrameSchema } from "../src/gen/enhanced_prompt/v1/turns_pb";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb";

type Payload = TurnFrame["payload"];
type Place = Partial<Pick<TurnFrame, "turnId" | "attempt" | "replayed">> & { sequence?: number; previous?: number };

export function frame(payload: object, place: Place = {}): TurnFrame {
  const sequence = place.sequence ?? 0;
  return create(TurnFrameSchema, {
    turnId: place.turnId ?? "turn-1",
    attempt: place.attempt ?? 1,
    sequence: BigInt(sequence),
    previousSequence: BigInt(place.previous ?? Math.max(0, sequence - 1)),
    replayed: place.replayed ?? false,
    payload: payload as Payload,
  });
}

export const started = (place: Place = {}) =>
  frame(
    { case: "started", value: { conversationId: "c-1", conversationTurn: 1, model: "grounded" } },
    { sequence: 1, ...place },
  );

export const delta = (text: string, place: Place) => frame({ case: "textDelta", value: { text } }, place);

export const completed = (text: string, place: Place = {}, response: object = {}) =>
  frame(
    {
      case: "completed",
      value: {
        response: create(PromptResponseSchema, {
          response: text,
          conversationId: "c-1",
          processingTimeMs: 12,
          ...response,
        }),
      },
    },
    place,
  );

export const reset = (attempt: number) => frame({ case: "reset", value: { attempt } }, { attempt, sequence: 1 });

export function failed(code: Code, reason: string, place: Place = {}, retryable = true): TurnFrame {
  const info = create(ErrorInfoSchema, { reason: `ERROR_REASON_${reason}`, domain: "enhanced-prompt.v1" });
  return frame(
    {
      case: "failed",
      value: { status: { code, message: reason, details: [anyPack(ErrorInfoSchema, info)] }, retryable },
    },
    place,
  );
}

/** An error as the service sends it. */
export function refusal(
  code: Code,
  reason: string,
  metadata: Record<string, string> = {},
  retrySeconds?: number,
): ConnectError {
  const details: { desc: typeof ErrorInfoSchema; value: object }[] = [
    { desc: ErrorInfoSchema, value: { reason: `ERROR_REASON_${reason}`, domain: "enhanced-prompt.v1", metadata } },
  ];
  if (retrySeconds !== undefined) {
    details.push({
      desc: RetryInfoSchema as never,
      value: { retryDelay: { seconds: BigInt(retrySeconds), nanos: 0 } },
    });
  }
  const error = new ConnectError(reason, code);
  error.details = details.map((one) => {
    const message = create(one.desc as typeof ErrorInfoSchema, one.value);
    return { type: one.desc.typeName, value: toBinary(one.desc as typeof ErrorInfoSchema, message) };
  }) as never;
  error.isWireError = true;
  return error;
}

/** What a connection that breaks looks like in a browser. */
export const broken = () => new TypeError("network error");
