/** A turn as it happens: frames up to the closing one, whatever becomes of the connection. */
import type { PromptResponse } from "../gen/enhanced_prompt/v1/answers_pb";
import type { AskResponse, WatchTurnResponse } from "../gen/enhanced_prompt/v1/prompt_service_pb";
import type { TurnFrame } from "../gen/enhanced_prompt/v1/turns_pb";
import { CallCancelled, type EnhancedPromptError, toError } from "./errors";
import { sleep } from "./retry";
import type { ClosingFrame, TurnFlow } from "./turn";

type Message = AskResponse | WatchTurnResponse;
type Open = (signal: AbortSignal) => AsyncGenerator<Message, void, undefined>;

/**
 * Iterate it once for its frames. A `reset` or `textWithdrawn` frame withdraws the text before it.
 * A failed turn gives its `failed` frame and then rejects with its error. Leaving the loop, or
 * aborting the signal, stops reading; the turn itself goes on unless its request says otherwise.
 */
export class TurnStream implements AsyncIterable<TurnFrame> {
  readonly #flow: TurnFlow;
  readonly #open: Open;
  readonly #signal: AbortSignal;

  constructor(flow: TurnFlow, open: Open, signal: AbortSignal = new AbortController().signal) {
    this.#flow = flow;
    this.#open = open;
    this.#signal = signal;
  }

  get requestId(): string {
    return this.#flow.requestId;
  }

  /** "" before the first frame. */
  get turnId(): string {
    return this.#flow.turnId;
  }

  /** "" while it is not known. */
  get conversationId(): string {
    return this.#flow.conversationId;
  }

  /** The text so far, without what was withdrawn. */
  get text(): string {
    return this.#flow.text;
  }

  /** How it ended; undefined while it goes on. */
  get closing(): ClosingFrame | undefined {
    return this.#flow.closing;
  }

  /** Read to the end; the answer. Rejects with the turn's error, and where it was cancelled. */
  async result(): Promise<PromptResponse> {
    for await (const _ of this) {
      // only the end matters
    }
    const closing = this.#flow.closing;
    if (closing?.case === "completed") return closing.response;
    throw new CallCancelled(`turn ${this.turnId} was cancelled`);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TurnFrame, void, undefined> {
    let wait: number | undefined = 0;
    while (wait !== undefined) {
      if (wait > 0) await this.#pause(wait);
      let endedWith: EnhancedPromptError | undefined;
      try {
        for await (const message of this.#open(this.#signal)) {
          if (message.frame.case !== "turn") continue;
          for (const frame of this.#flow.take(message.frame.value)) yield frame;
        }
      } catch (thrown) {
        endedWith = toError(thrown, this.#signal);
        if (endedWith instanceof CallCancelled) throw endedWith;
      }
      wait = this.#flow.after(endedWith, Math.random());
    }
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, this.#signal);
    } catch {
      throw new CallCancelled();
    }
  }
}
