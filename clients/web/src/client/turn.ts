/**
 * Reading a turn, without any input or output: what to call, what a frame means, when to stop.
 *
 * Open `call()`, give each frame to `take()`, and when the stream ends ask `after()` whether to
 * wait and open `call()` again, to return, or (it throws) to give up:
 *
 *     before the first frame    Ask again, with the same request_id
 *     after it                  WatchTurn from the last sequence; on NOT_FOUND Ask again
 *     its runner went away      Ask again: that runs the next attempt, which begins with a `reset`
 */
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { PromptResponse } from "../gen/enhanced_prompt/v1/answers_pb";
import {
  type AskRequest,
  type WatchTurnRequest,
  WatchTurnRequestSchema,
} from "../gen/enhanced_prompt/v1/prompt_service_pb";
import { type TurnFrame, TurnFrameSchema } from "../gen/enhanced_prompt/v1/turns_pb";
import { EnhancedPromptError, fromStatus, StreamCut } from "./errors";
import { REATTACH, RETRY, type Retry, retryWait } from "./retry";

/** What a connection that broke looks like, when no service said why. */
const BROKEN: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Unknown, Code.Internal, Code.Canceled]);

/**
 * Reasons for which a turn ends because a process of the service goes or went away. The next
 * attempt runs elsewhere; every other failure is the turn's own.
 */
const RUNNER_GONE: ReadonlySet<string> = new Set(["RUNNER_LOST", "DRAINING"]);

/** A stream to open. `timeoutMs` is what is left of the deadline; undefined for none. */
export type TurnCall = ({ rpc: "ask"; request: AskRequest } | { rpc: "watch"; request: WatchTurnRequest }) & {
  timeoutMs: number | undefined;
};

/** The frame that ended a turn. */
export type ClosingFrame =
  | { case: "completed" | "cancelled"; response: PromptResponse }
  | { case: "failed"; error: EnhancedPromptError; partialKept: boolean };

export interface TurnFlowOptions {
  /** For all calls together, in milliseconds; undefined for none. */
  deadlineMs?: number | undefined;
  /** Until the first frame. */
  retry?: Retry;
  /** After it, counted from each frame anew. */
  reattach?: Retry;
  now?: () => number;
}

/** One reader of one turn. */
export class TurnFlow {
  turnId = "";
  conversationId: string;
  attempt = 0;
  lastSequence = 0n;
  closing: ClosingFrame | undefined;

  readonly #request: AskRequest;
  readonly #retry: Retry;
  readonly #reattach: Retry;
  readonly #deadlineMs: number | undefined;
  readonly #now: () => number;
  #began: number | undefined;
  #tries = 0;
  #asks = true;
  #gone: EnhancedPromptError | undefined;
  #runs = 0;
  #text: string[] = [];

  constructor(request: AskRequest, options: TurnFlowOptions = {}) {
    this.#request = request;
    this.#retry = options.retry ?? RETRY;
    this.#reattach = options.reattach ?? REATTACH;
    this.#deadlineMs = options.deadlineMs;
    this.#now = options.now ?? Date.now;
    this.conversationId = request.conversationId;
  }

  /** The text so far, without what was withdrawn. */
  get text(): string {
    return this.#text.join("");
  }

  get requestId(): string {
    return this.#request.requestId;
  }

  /** Begin with WatchTurn, at a turn that was asked elsewhere. */
  watch(turnId: string): void {
    this.turnId = turnId;
    this.#asks = false;
  }

  /** The stream to open now. */
  call(): TurnCall {
    this.#tries += 1;
    const now = this.#now();
    this.#began ??= now;
    const timeoutMs = this.#deadlineMs === undefined ? undefined : Math.max(1, this.#deadlineMs - (now - this.#began));
    if (this.#asks) return { rpc: "ask", request: this.#request, timeoutMs };
    const request = create(WatchTurnRequestSchema, {
      turnId: this.turnId,
      attempt: this.attempt,
      afterSequence: this.lastSequence,
      detail: this.#request.detail,
      frameKinds: this.#request.frameKinds,
    });
    return { rpc: "watch", request, timeoutMs };
  }

  /**
   * The frames in a frame, mostly one; none for what was seen before, two where asking again made
   * another turn. Throws StreamCut when one between the last and this one is missing.
   */
  take(raw: TurnFrame): TurnFrame[] {
    if (this.closing || this.#gone) return [];
    const first = this.turnId && raw.turnId !== this.turnId ? [this.#anew(raw)] : [];
    this.turnId = raw.turnId;
    if (raw.sequence && !this.#follows(raw)) return first;
    const tries = this.#tries;
    this.#tries = 0;
    const { payload } = raw;
    switch (payload.case) {
      case "started":
        this.conversationId = payload.value.conversationId;
        break;
      case "textDelta":
        this.#text.push(payload.value.text);
        break;
      case "reset":
      case "textWithdrawn":
        this.#text = [];
        break;
      case "completed":
      case "cancelled": {
        const response = payload.value.response;
        if (!response) throw this.#cut("its closing frame holds no answer");
        this.conversationId = response.conversationId || this.conversationId;
        this.closing = { case: payload.case, response };
        if (raw.replayed) this.#text = [response.response]; // it stands for deltas that did not come
        break;
      }
      case "failed": {
        const { status, retryable, partialKept } = payload.value;
        const error = status ? fromStatus(status) : new EnhancedPromptError("the turn failed", { code: Code.Unknown });
        if (retryable && RUNNER_GONE.has(error.reason)) {
          this.#gone = error;
          return first;
        }
        if (retryable && !raw.sequence && !raw.replayed) {
          // No part of the turn: it speaks of the way to it, and so will the stream's status.
          this.#tries = tries;
          return first;
        }
        this.closing = { case: "failed", error, partialKept };
        break;
      }
    }
    return [...first, raw];
  }

  /**
   * What the end of a stream means: milliseconds to wait before `call()`, undefined at the end.
   * `error` is what it ended with; `draw` is uniform in 0..1. Throws the turn's own error,
   * StreamCut where it gives up on a turn, or `error`.
   */
  after(error: EnhancedPromptError | undefined, draw: number): number | undefined {
    if (this.#gone) return this.#runAgain(this.#gone, draw);
    if (this.closing?.case === "failed") throw this.closing.error;
    if (this.closing) return undefined; // whatever happened to the connection after it
    const watched = !this.#asks;
    this.#asks = !this.turnId;
    if (watched && error?.code === Code.NotFound) this.#asks = true;
    else if (error && !this.#isCut(error)) throw error;
    const retry = this.turnId || error?.reason === "DRAINING" ? this.#reattach : this.#retry;
    const wait = retryWait(retry, Math.max(this.#tries, 1), error?.retryAfterMs, draw);
    if (wait !== undefined) return wait;
    if (error && (!this.turnId || error instanceof StreamCut)) throw error;
    throw this.#cut(`${this.#tries} times in a row nothing came of it`, error);
  }

  /** Whether an error says nothing about the turn, only about the way to it. */
  #isCut(error: EnhancedPromptError): boolean {
    return error.retryable || error.unreached || (this.turnId !== "" && !error.reason && BROKEN.has(error.code));
  }

  #runAgain(gone: EnhancedPromptError, draw: number): number {
    this.#runs += 1;
    const wait = retryWait(this.#reattach, this.#runs, gone.retryAfterMs, draw);
    if (wait === undefined) {
      this.closing = { case: "failed", error: gone, partialKept: false };
      throw gone;
    }
    this.#gone = undefined;
    this.#asks = true;
    return wait;
  }

  /** Asking again made another turn: the first one is not there any more. */
  #anew(raw: TurnFrame): TurnFrame {
    this.attempt = 0;
    this.lastSequence = 0n;
    this.#text = [];
    return create(TurnFrameSchema, {
      turnId: raw.turnId,
      attempt: raw.attempt,
      payload: { case: "reset", value: { attempt: raw.attempt } },
    });
  }

  /** Notes a frame's place; false for one that was seen. */
  #follows(raw: TurnFrame): boolean {
    const newer = raw.attempt > this.attempt || (raw.attempt === this.attempt && raw.sequence > this.lastSequence);
    if (!newer) return false;
    const expected = raw.attempt === this.attempt ? this.lastSequence : 0n;
    if (raw.previousSequence !== expected) {
      throw this.#cut(`frame ${raw.sequence} follows ${raw.previousSequence}, not ${expected}`);
    }
    this.attempt = raw.attempt;
    this.lastSequence = raw.sequence;
    return true;
  }

  #cut(why: string, cause?: unknown): StreamCut {
    const name = this.turnId || "(not begun)";
    return new StreamCut(
      `the stream of turn ${name} was cut: ${why}`,
      this.turnId,
      this.attempt,
      this.lastSequence,
      cause,
    );
  }
}
