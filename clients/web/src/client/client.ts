/** The client: questions, subscriptions, and any other call of the contract by its method. */
import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { type AskRequest, AskRequestSchema, PromptService } from "../gen/enhanced_prompt/v1/prompt_service_pb";
import { type EnhancedPromptError, toError } from "./errors";
import { followInsights, type InsightUpdate, type SubscribeOptions } from "./insights";
import { alive, QUIET_MS } from "./liveness";
import { ping } from "./ping";
import { REATTACH, RETRY, type Retry, retryWait, sleep } from "./retry";
import { baseUrlOf, createTransport, type TransportOptions } from "./transport";
import { TurnFlow } from "./turn";
import { TurnStream } from "./turn-stream";

export interface ClientOptions extends TransportOptions {
  /** Instead of the grpc-web one: for tests, and for Node. */
  transport?: Transport | undefined;
  /** Deadline of unary calls, in milliseconds. */
  timeoutMs?: number | undefined;
  /** Deadline of a turn, in milliseconds: its own budget (120 s), with room before it. */
  turnTimeoutMs?: number | undefined;
  retry?: Retry | undefined;
  reattach?: Retry | undefined;
  /** A stream that says nothing for so long is taken for dead, in milliseconds. */
  quietMs?: number | undefined;
  /** Told of every error of a call, before its caller is. */
  onError?: ((error: EnhancedPromptError) => void) | undefined;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** A question: a text, or the request's fields. */
export type Question = string | Omit<MessageInitShape<typeof AskRequestSchema>, "$typeName">;

const READS = /^(Get|List|Count|Search)/;

/** Calls to one gateway. It keeps nothing open but the calls themselves. */
export class EnhancedPromptClient {
  readonly baseUrl: string;
  readonly transport: Transport;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
    this.baseUrl = baseUrlOf(options.baseUrl);
    this.transport = options.transport ?? createTransport(options);
  }

  /**
   * Ask a question. The stream survives cuts, restarts and lost processes; see TurnStream. Without
   * a `requestId` it gets one. Aborting `signal` stops reading, not the turn: that is `cancelTurn`.
   */
  ask(question: Question, options: CallOptions = {}): TurnStream {
    const request: AskRequest = create(AskRequestSchema, typeof question === "string" ? { query: question } : question);
    request.requestId ||= crypto.randomUUID();
    return this.#turn(this.#flow(request, options), options);
  }

  /** Read a turn that was asked elsewhere, from its beginning. */
  watch(turnId: string, options: CallOptions & { detail?: AskRequest["detail"] } = {}): TurnStream {
    const request = create(AskRequestSchema, options.detail === undefined ? {} : { detail: options.detail });
    const flow = this.#flow(request, options);
    flow.watch(turnId);
    return this.#turn(flow, options);
  }

  /** Stop a turn and keep what was said so far. Idempotent. */
  async cancelTurn(turnId: string, options: CallOptions = {}): Promise<void> {
    await this.unary(PromptService.method.cancelTurn, { turnId }, options);
  }

  /** Make the next question fast. */
  prewarm(conversationId = "", options: CallOptions = {}) {
    return this.unary(PromptService.method.prewarm, { conversationId }, options);
  }

  /** The log of insights from a place on, for ever. See followInsights. */
  insights(options: SubscribeOptions = {}): AsyncGenerator<InsightUpdate, void, undefined> {
    return followInsights(this, options);
  }

  /** Milliseconds to the service and back. Rejects where there is none. */
  ping(signal?: AbortSignal): Promise<number> {
    return ping(this.baseUrl, this.#options.fetch, signal);
  }

  /** Any unary call. Reads are repeated after a broken connection, others only where it is safe. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const retry = this.#options.retry ?? RETRY;
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.transport.unary(method, options.signal, timeoutMs, undefined, input)).message;
      } catch (thrown) {
        const error = toError(thrown, options.signal);
        const harmless = error.retryable && (error.reason !== "" || READS.test(method.name));
        const wait = harmless ? retryWait(retry, attempt, error.retryAfterMs, Math.random()) : undefined;
        if (wait === undefined) throw this.#told(error);
        await sleep(wait, options.signal).catch((reason) => {
          throw toError(reason, options.signal);
        });
      }
    }
  }

  /** Any server-streaming call, once: it ends with its connection, or when that has gone silent. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    input: MessageInitShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const open = async (signal: AbortSignal) => {
      const sent = once(input);
      return (await this.transport.stream(method, signal, options.timeoutMs ?? 0, undefined, sent)).message;
    };
    return this.#tellingErrors(alive(open, options.signal, this.#options.quietMs ?? QUIET_MS));
  }

  #flow(request: AskRequest, options: CallOptions): TurnFlow {
    return new TurnFlow(request, {
      deadlineMs: options.timeoutMs ?? this.#options.turnTimeoutMs ?? 180_000,
      retry: this.#options.retry ?? RETRY,
      reattach: this.#options.reattach ?? REATTACH,
    });
  }

  #turn(flow: TurnFlow, options: CallOptions): TurnStream {
    const open = (signal: AbortSignal) => {
      const call = flow.call();
      const within = { signal, timeoutMs: call.timeoutMs };
      return call.rpc === "ask"
        ? this.stream(PromptService.method.ask, call.request, within)
        : this.stream(PromptService.method.watchTurn, call.request, within);
    };
    return new TurnStream(flow, open, options.signal);
  }

  async *#tellingErrors<T>(messages: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
    try {
      yield* messages;
    } catch (thrown) {
      throw this.#told(toError(thrown));
    }
  }

  #told(error: EnhancedPromptError): EnhancedPromptError {
    this.#options.onError?.(error);
    return error;
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}
