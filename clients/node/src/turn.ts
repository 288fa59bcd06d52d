/** A question, and its turn as it happens. */

import { randomUUID } from "node:crypto";

import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { pause, type Client } from "./client.js";
import { CallFailed } from "./errors.js";
import type { PromptResponse } from "./gen/enhanced_prompt/v1/answers_pb.js";
import { AskRequestSchema, PromptService } from "./gen/enhanced_prompt/v1/prompt_service_pb.js";
import type { TurnFrame } from "./gen/enhanced_prompt/v1/turns_pb.js";
import { TurnFlow } from "./turnFlow.js";

/**
 * Iterating asks the question and gives the turn's frames, up to the closing one, each once; do it
 * once. A connection that breaks is not seen. Where a new attempt had to begin its first frame is a
 * `reset`, which withdraws what came before, as `textWithdrawn` does with the text. A failed turn
 * gives its `failed` frame and then throws its error; StreamCut says that attaching again was in
 * vain. Leaving the loop, or the signal, ends the reading; whether the turn itself then goes on is
 * what `onDisconnect` says.
 */
export class Turn implements AsyncIterable<TurnFrame> {
  readonly #flow: TurnFlow;

  constructor(
    private readonly client: Client,
    request: MessageInitShape<typeof AskRequestSchema>,
    private readonly signal?: AbortSignal,
  ) {
    const asked = create(AskRequestSchema, request);
    asked.requestId ||= randomUUID(); // with which the turn is joined again
    this.#flow = new TurnFlow(asked, client.retry, client.reattach);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TurnFrame, void, undefined> {
    for (let wait: number | undefined = 0; wait !== undefined; ) {
      await pause(wait, this.signal);
      let endedWith: CallFailed | undefined;
      try {
        for await (const message of this.#open()) {
          if (message.frame.case === "turn") yield* this.#flow.take(message.frame.value);
        }
      } catch (raised) {
        if (!(raised instanceof CallFailed)) throw raised;
        endedWith = raised;
      }
      wait = this.#flow.after(endedWith);
    }
  }

  /** The answer's text so far, without what was withdrawn. */
  get text(): string {
    return this.#flow.text;
  }

  /** The answer once the turn has ended, of a cancelled turn what there was of it. */
  get response(): PromptResponse | undefined {
    return this.#flow.response;
  }

  /** "" before the first frame. */
  get turnId(): string {
    return this.#flow.turnId;
  }

  /** "" while it is not known. */
  get conversationId(): string {
    return this.#flow.conversationId;
  }

  /** Asking the same with it joins the turn. */
  get requestId(): string {
    return this.#flow.request.requestId;
  }

  #open() {
    const watch = this.#flow.watch();
    return watch
      ? this.client.listen(PromptService.method.watchTurn, watch, this.signal)
      : this.client.listen(PromptService.method.ask, this.#flow.request, this.signal);
  }
}

/** Ask a question; iterate over what is returned. */
export function ask(
  client: Client,
  request: MessageInitShape<typeof AskRequestSchema>,
  signal?: AbortSignal,
): Turn {
  return new Turn(client, request, signal);
}
