/** A connection to the service that outlives the service's processes. */

import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Client as Channel, Metadata, credentials } from "@grpc/grpc-js";

import { CallFailed, DRAINING, fromRpc } from "./errors.js";
import { REATTACH, RETRY, SILENCE, type Options, type Retry } from "./options.js";

interface Connection {
  readonly channel: Channel;
  calls: number;
  left: boolean;
}

const CHANNEL = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
  // A new channel is a new connection, which another process of the service may take.
  "grpc.use_local_subchannel_pool": 1,
  // gRPC's own waits (1 s to 2 min) would outlast ours, which decide when to try again.
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
};

/**
 * Typed calls by the generated services: `client.unary(EventService.method.listCameras, {})`.
 *
 * A process that stops refuses new calls on a connection that it has, while its neighbours behind
 * the same address would take them. So a client leaves such a connection: the next call makes a
 * new one, and the old one is closed when its last call has ended.
 */
export class Client {
  readonly retry: Retry;
  readonly reattach: Retry;
  readonly silence: number;
  #current: Connection;

  /** Connects with the first call; `target` is as in grpc-js, such as "127.0.0.1:50051". */
  constructor(
    readonly target: string,
    private readonly options: Options = {},
  ) {
    this.retry = options.retry ?? RETRY;
    this.reattach = options.reattach ?? REATTACH;
    this.silence = options.silence ?? SILENCE;
    this.#current = this.#connect();
  }

  close(): void {
    this.#current.channel.close();
  }

  /** One request, one answer. Throws CallFailed. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    signal?: AbortSignal,
  ): Promise<MessageShape<O>> {
    const message = create(method.input, request);
    for await (const answer of this.call(method, [message], signal)) return answer as MessageShape<O>;
    throw new CallFailed(13, "the call ended without an answer");
  }

  /** One request, many answers. Throws CallFailed. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    signal?: AbortSignal,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    return this.call(method, [create(method.input, request)], signal);
  }

  /** A call of any kind: all requests are sent, then the answers are read. Throws CallFailed. */
  async *call<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { input: I; output: O },
    requests: Iterable<MessageShape<I>>,
    signal?: AbortSignal,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    signal?.throwIfAborted();
    const used = this.#current;
    used.calls += 1;
    const call = used.channel.makeBidiStreamRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      this.#metadata(),
    );
    const abort = () => call.cancel();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      for (const request of requests) call.write(request);
      call.end();
      for await (const answer of call) yield answer as MessageShape<O>;
    } catch (raised) {
      signal?.throwIfAborted();
      const error = fromRpc(raised);
      if (error instanceof CallFailed && error.reason === DRAINING) this.#leave(used);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      call.on("error", () => undefined); // of the cancelling, when nobody reads any more
      call.cancel();
      used.calls -= 1;
      if (used.left && used.calls === 0) used.channel.close();
    }
  }

  /**
   * The messages of a long stream. A service that was silent for too long counts as gone; one that
   * says go_away goes on delivering for a while, and the next stream goes elsewhere.
   */
  async *listen<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    signal?: AbortSignal,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const silent = new AbortController();
    const used = this.#current;
    let timer = setTimeout(() => silent.abort(), this.silence);
    const either = signal ? AbortSignal.any([signal, silent.signal]) : silent.signal;
    try {
      for await (const message of this.call(method, [request], either)) {
        clearTimeout(timer);
        if (saysGoAway(message)) this.#leave(used);
        yield message;
        timer = setTimeout(() => silent.abort(), this.silence);
      }
    } catch (raised) {
      signal?.throwIfAborted();
      if (silent.signal.aborted) {
        throw new CallFailed(14, `nothing was heard for ${this.silence} ms`);
      }
      throw raised;
    } finally {
      clearTimeout(timer);
    }
  }

  #connect(): Connection {
    const secure = this.options.credentials ?? credentials.createInsecure();
    return { channel: new Channel(this.target, secure, CHANNEL), calls: 0, left: false };
  }

  #leave(used: Connection): void {
    if (used !== this.#current) return;
    this.#current = this.#connect();
    used.left = true;
    if (used.calls === 0) used.channel.close();
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.options.token) metadata.set("authorization", `Bearer ${this.options.token}`);
    return metadata;
  }
}

function saysGoAway(message: object): boolean {
  return "frame" in message && (message.frame as { case?: string }).case === "goAway";
}

/** Waits, unless the signal comes first. Rejects with the signal's reason. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
