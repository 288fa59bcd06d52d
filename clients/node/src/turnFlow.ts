/**
 * Reading a turn, without any input or output: what to call, what a frame means, when to stop. The
 * rules are those of clients/python (_turn.py):
 *
 *     before the first frame    Ask again, with the same request_id
 *     after it                  WatchTurn from the last sequence; on NOT_FOUND Ask again
 *     its runner went away      Ask again: that runs the next attempt, which begins with a `reset`
 */

import { create } from "@bufbuild/protobuf";
import { status as Code } from "@grpc/grpc-js";

import { CallFailed, DRAINING, StreamCut, fromStatus } from "./errors.js";
import type { PromptResponse } from "./gen/enhanced_prompt/v1/answers_pb.js";
import {
  WatchTurnRequestSchema,
  type AskRequest,
  type WatchTurnRequest,
} from "./gen/enhanced_prompt/v1/prompt_service_pb.js";
import {
  TurnFrameSchema,
  type TurnFailed,
  type TurnFrame,
} from "./gen/enhanced_prompt/v1/turns_pb.js";
import { waitAfter, type Retry } from "./options.js";

export class TurnFlow {
  turnId = "";
  conversationId: string;
  attempt = 0;
  lastSequence = 0n;
  text = "";
  closing: TurnFrame | undefined;
  #asks = true; // whether the next call is Ask
  #tries = 0;
  #gone: CallFailed | undefined;
  #runs = 0; // attempts whose runner went away

  constructor(
    readonly request: AskRequest,
    private readonly retry: Retry,
    private readonly reattach: Retry,
  ) {
    this.conversationId = request.conversationId;
  }

  /** The request of WatchTurn, undefined where Ask is to be called. */
  watch(): WatchTurnRequest | undefined {
    this.#tries += 1;
    if (this.#asks) return undefined;
    return create(WatchTurnRequestSchema, {
      turnId: this.turnId,
      attempt: this.attempt,
      afterSequence: this.lastSequence,
      detail: this.request.detail,
      frameKinds: this.request.frameKinds,
    });
  }

  /**
   * The frames to show for one that came: mostly itself, none for what was seen before. Throws
   * StreamCut where a frame is missing.
   */
  *take(raw: TurnFrame): Generator<TurnFrame> {
    if (this.closing || this.#gone) return;
    if (this.turnId && raw.turnId !== this.turnId) yield this.#anew(raw);
    this.turnId = raw.turnId;
    if (raw.sequence && !this.#follows(raw)) return;
    const tries = this.#tries;
    this.#tries = 0;
    const payload = raw.payload;
    switch (payload.case) {
      case "started":
        this.conversationId = payload.value.conversationId;
        break;
      case "textDelta":
        this.text += payload.value.text;
        break;
      case "reset":
      case "textWithdrawn":
        this.text = "";
        break;
      case "completed":
      case "cancelled":
        this.closing = raw;
        // It stands for deltas that did not come.
        if (raw.replayed) this.text = payload.value.response?.response ?? "";
        break;
      case "failed": {
        const error = failure(payload.value);
        if (payload.value.retryable && ["RUNNER_LOST", DRAINING].includes(error.reason)) {
          this.#gone = error;
          return;
        }
        if (payload.value.retryable && !raw.sequence && !raw.replayed) {
          // No part of the turn: it speaks of the way to it, and so does the status that the
          // stream now ends with.
          this.#tries = tries;
          return;
        }
        this.closing = raw;
        break;
      }
      default:
        break;
    }
    yield raw;
  }

  /**
   * What the end of a stream means: milliseconds to wait before the next call, undefined at the
   * end of the turn. `error` is undefined for OK. Throws what to give up with.
   */
  after(error: CallFailed | undefined): number | undefined {
    if (this.#gone) {
      this.#runs += 1;
      const wait = waitAfter(this.reattach, this.#runs, this.#gone.retryAfter);
      if (wait === undefined) throw this.#gone;
      this.#gone = undefined;
      this.#asks = true;
      return wait;
    }
    if (this.closing?.payload.case === "failed") throw failure(this.closing.payload.value);
    if (this.closing) return undefined; // what happened to the connection is of no interest
    const watched = !this.#asks;
    this.#asks = !this.turnId;
    if (watched && error?.code === Code.NOT_FOUND) {
      this.#asks = true;
    } else if (error && !error.retryable && !(this.turnId && error.broken)) {
      throw error;
    }
    const retry = this.turnId || error?.reason === DRAINING ? this.reattach : this.retry;
    const wait = waitAfter(retry, Math.max(this.#tries, 1), error?.retryAfter ?? 0);
    if (wait !== undefined) return wait;
    if ((error && !this.turnId) || error instanceof StreamCut) throw error;
    throw this.#cut(`${this.#tries} times in a row nothing came of it`, error);
  }

  /** The answer, of a cancelled turn what there was of it; undefined before, and where it failed. */
  get response(): PromptResponse | undefined {
    const payload = this.closing?.payload;
    if (payload?.case === "completed" || payload?.case === "cancelled") {
      return payload.value.response;
    }
    return undefined;
  }

  /** Asking again made another turn: the first one is not there any more. */
  #anew(raw: TurnFrame): TurnFrame {
    this.attempt = 0;
    this.lastSequence = 0n;
    this.text = "";
    return create(TurnFrameSchema, {
      turnId: raw.turnId,
      attempt: raw.attempt,
      payload: { case: "reset", value: { attempt: raw.attempt } },
    });
  }

  /** Notes a frame's place; false for one that was seen. Throws StreamCut at a gap. */
  #follows(raw: TurnFrame): boolean {
    const same = raw.attempt === this.attempt;
    if (raw.attempt < this.attempt || (same && raw.sequence <= this.lastSequence)) return false;
    const expected = same ? this.lastSequence : 0n;
    if (raw.previousSequence !== expected) {
      const { sequence, previousSequence } = raw;
      throw this.#cut(`frame ${sequence} follows ${previousSequence}, not ${expected}`);
    }
    this.attempt = raw.attempt;
    this.lastSequence = raw.sequence;
    return true;
  }

  #cut(why: string, error?: CallFailed): StreamCut {
    const { turnId, attempt, lastSequence } = this;
    return new StreamCut(why, turnId, this.request.requestId, attempt, lastSequence, error);
  }
}

function failure(failed: TurnFailed): CallFailed {
  return failed.status ? fromStatus(failed.status) : new CallFailed(Code.UNKNOWN, "failed");
}
