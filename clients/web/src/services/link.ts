/**
 * Whether the service can be reached: one heartbeat for the whole page, and what follows from it.
 *
 * Streams come and go, and a worker that dies takes some with it; that is no outage. An outage is
 * when nobody answers a ping. Streams report what looks like one (`suspect`), and wait here
 * (`connected`) before they try again.
 */
import { BACKOFF, type Backoff, type EnhancedPromptError, reconnectWait, toError } from "../client";
import { debug } from "./debug";
import { Emitter } from "./emitter";

export type ConnectionState = "connecting" | "connected" | "reconnecting" | "disconnected" | "failed";

export interface LinkConfig extends Backoff {
  /** Between two pings while all is well, in milliseconds. */
  heartbeatInterval: number;
}

export const LINK_CONFIG: LinkConfig = { ...BACKOFF, heartbeatInterval: 30_000 };

interface LinkEvents {
  connect: [];
  disconnect: [reason: string];
  error: [error: EnhancedPromptError];
  reconnecting: [attempt: number];
  change: [];
}

export class Link extends Emitter<LinkEvents> {
  state: ConnectionState = "disconnected";
  /** Of the newest ping, in milliseconds. */
  latencyMs: number | undefined;
  /** How often it was tried since the last success. */
  attempt = 0;
  /** When it is tried next, as Date.now(); undefined while connected. */
  retryAt: number | undefined;

  readonly #ping: (signal: AbortSignal) => Promise<number>;
  readonly #config: LinkConfig;
  #running: AbortController | undefined;
  #wake: (() => void) | undefined;

  constructor(ping: (signal: AbortSignal) => Promise<number>, config: Partial<LinkConfig> = {}) {
    super();
    this.#ping = ping;
    this.#config = { ...LINK_CONFIG, ...config };
  }

  get isConnected(): boolean {
    return this.state === "connected";
  }

  /** Begin, and go on until stop(). Idempotent. */
  start(): void {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#become("connecting");
    globalThis.addEventListener?.("online", this.retryNow);
    globalThis.addEventListener?.("offline", this.#offline);
    void this.#run(this.#running.signal);
  }

  stop(): void {
    globalThis.removeEventListener?.("online", this.retryNow);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#running?.abort();
    this.#running = undefined;
    this.#wake?.();
    const was = this.state;
    this.#become("disconnected");
    if (was === "connected") this.emit("disconnect", "stopped");
  }

  /** Something looked like an outage: find out now, unless that is being found out already. */
  suspect(reason: string): void {
    debug("link", "suspected", reason);
    if (this.state === "connected") this.#wake?.();
  }

  /** Try at once instead of waiting. */
  readonly retryNow = (): void => {
    this.#wake?.();
  };

  /** Resolves as soon as the service can be reached. Rejects when the signal is aborted. */
  connected(signal?: AbortSignal): Promise<void> {
    if (this.isConnected) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = this.on("connect", () => {
        signal?.removeEventListener("abort", leave);
        stop();
        resolve();
      });
      const leave = () => {
        stop();
        reject(signal?.reason);
      };
      if (signal?.aborted) leave();
      else signal?.addEventListener("abort", leave, { once: true });
    });
  }

  readonly #offline = (): void => this.suspect("the browser is offline");

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let wait: number | undefined;
      try {
        this.latencyMs = await this.#ping(signal);
        if (signal.aborted) return;
        wait = this.#config.heartbeatInterval;
        this.#succeeded();
      } catch (thrown) {
        if (signal.aborted) return;
        wait = this.#failed(toError(thrown));
      }
      await this.#pause(wait);
    }
  }

  #succeeded(): void {
    const news = !this.isConnected;
    this.attempt = 0;
    this.retryAt = undefined;
    this.#become("connected");
    if (news) this.emit("connect");
  }

  /** Milliseconds until the next attempt; undefined where it has been tried often enough. */
  #failed(error: EnhancedPromptError): number | undefined {
    const was = this.state;
    this.attempt = was === "failed" ? 1 : this.attempt + 1;
    this.latencyMs = undefined;
    const wait = reconnectWait(this.#config, this.attempt);
    this.retryAt = wait === undefined ? undefined : Date.now() + wait;
    this.#become(wait === undefined ? "failed" : "reconnecting");
    if (was === "connected") this.emit("disconnect", error.message);
    this.emit("error", error);
    if (wait !== undefined) this.emit("reconnecting", this.attempt);
    return wait;
  }

  #pause(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #become(state: ConnectionState): void {
    if (state !== this.state) debug("link", state);
    this.state = state;
    this.emit("change");
  }
}
