/**
 * A conversation as a page shows it: its turns, one after the other, whatever becomes of the
 * network. A question that can't be sent waits and is sent once; one whose stream was lost for good
 * is joined again under its request_id.
 */
import {
  BACKOFF,
  CallCancelled,
  type EnhancedPromptClient,
  EnhancedPromptError,
  isNotFound,
  reconnectWait,
  StreamCut,
  sleep,
  toError,
} from "../client";
import { HistoryService } from "../gen/enhanced_prompt/v1/history_service_pb";
import { Detail } from "../gen/enhanced_prompt/v1/turns_pb";
import { debug } from "./debug";
import { Emitter } from "./emitter";
import { breathe, onceAFrame } from "./frame-clock";
import type { Link } from "./link";
import { PendingQuestions } from "./pending";
import { TurnView } from "./turn-view";

export type Loading = "loaded" | "loading" | "missing" | "failed";

export interface ConversationOptions {
  client: EnhancedPromptClient;
  link: Link;
  conversationId: string;
  pending?: PendingQuestions;
}

interface ConversationEvents {
  /** At most once a picture. */
  change: [];
  /** A turn ended, however. */
  ended: [turn: TurnView];
}

const SLICE_MS = 8; // of reading frames before the page gets its turn

export class Conversation extends Emitter<ConversationEvents> {
  readonly conversationId: string;
  readonly turns: TurnView[] = [];
  version = 0;
  loading: Loading = "loaded";
  loadError: EnhancedPromptError | undefined;

  readonly #client: EnhancedPromptClient;
  readonly #link: Link;
  readonly #pending: PendingQuestions;
  readonly #closed = new AbortController();
  readonly #stops = new Map<TurnView, AbortController>();
  #last: Promise<void> = Promise.resolve();
  readonly #tell = onceAFrame(() => this.emit("change"));

  constructor(options: ConversationOptions) {
    super();
    this.conversationId = options.conversationId;
    this.#client = options.client;
    this.#link = options.link;
    this.#pending = options.pending ?? new PendingQuestions();
  }

  /** The newest turn. */
  get latest(): TurnView | undefined {
    return this.turns.at(-1);
  }

  /** The turn that runs now. */
  get running(): TurnView | undefined {
    return this.turns.find((one) => one.running);
  }

  /** Ask a question; its turn. */
  ask(query: string): TurnView {
    const turn = new TurnView(crypto.randomUUID(), query, new Date());
    this.#pending.add({
      conversationId: this.conversationId,
      requestId: turn.requestId,
      query,
      askedAt: turn.askedAt.getTime(),
    });
    this.#begin(turn);
    return turn;
  }

  /** Stop a turn and keep what was said so far; one that was not sent is taken back. */
  async stop(turn: TurnView): Promise<void> {
    if (turn.ended) return;
    if (!turn.turnId) {
      this.#stops.get(turn)?.abort();
      return;
    }
    turn.stopping = true;
    turn.version += 1;
    this.#changed();
    try {
      await this.#client.cancelTurn(turn.turnId);
    } catch (thrown) {
      turn.stopping = false;
      turn.version += 1;
      this.#changed();
      throw toError(thrown);
    }
  }

  /** Ask the same again, after it failed. A retryable failure goes on as the same turn. */
  retry(turn: TurnView): void {
    const at = this.turns.indexOf(turn);
    if (at < 0 || turn.status !== "failed") return;
    if (!turn.error?.retryable) {
      this.turns.splice(at, 1);
      this.ask(turn.query);
      return;
    }
    turn.error = undefined;
    turn.clear();
    this.turns.splice(at, 1);
    this.#begin(turn);
  }

  /** What is stored of it, and questions of this page that were not answered yet. */
  async load(): Promise<void> {
    this.loading = "loading";
    this.#changed();
    try {
      await this.#link.connected(this.#closed.signal);
      await this.#fetch();
      this.loading = "loaded";
    } catch (thrown) {
      const error = toError(thrown, this.#closed.signal);
      if (error instanceof CallCancelled) return;
      this.loadError = error;
      this.loading = isNotFound(error) ? "missing" : "failed";
    }
    this.resume();
    this.#changed();
  }

  /** Go on with questions of this page that were not answered yet. */
  resume(): void {
    for (const one of this.#pending.of(this.conversationId)) {
      const known = this.turns.some((turn) => turn.requestId === one.requestId);
      if (!known) this.#begin(new TurnView(one.requestId, one.query, new Date(one.askedAt)));
    }
    if (this.loading === "missing" && this.turns.length > 0) this.loading = "loaded";
  }

  /** Something outside of a turn's frames changed in it. */
  touch(turn: TurnView): void {
    turn.version += 1;
    this.#changed();
  }

  /** Stop reading. Turns go on at the service. */
  close(): void {
    this.#closed.abort();
  }

  async #fetch(): Promise<void> {
    const found = await this.#client.unary(
      HistoryService.method.getConversation,
      { conversationId: this.conversationId, includeResponses: true },
      { signal: this.#closed.signal },
    );
    const stored = found.responses.map((one) => TurnView.stored(one));
    this.turns.splice(0, this.turns.length, ...stored);
    const answered = new Set(found.responses.map((one) => one.turnId));
    const questions = found.conversation?.messages ?? [];
    for (const one of questions) {
      // The user's messages carry the request_id that they came with.
      if (one.messageId && answered.has(one.turnId)) this.#pending.remove(one.messageId);
    }
    const running = found.conversation?.runningTurnId;
    if (!running) return;
    // A turn that runs may not have its question among the messages yet; one that was asked here and
    // not seen answered is then taken for it, and joined by its request_id.
    const question = questions.findLast((one) => one.turnId === running);
    const waiting = this.#pending.of(this.conversationId);
    const ours = waiting.some((one) => question === undefined || one.requestId === question.messageId);
    if (!ours) this.#watch(running, question?.content ?? "");
  }

  /** A turn that somebody asked elsewhere. */
  #watch(turnId: string, query: string): void {
    const turn = new TurnView(turnId, query, new Date());
    turn.turnId = turnId;
    this.turns.push(turn);
    this.#queue(turn, async (signal) => {
      await this.#read(turn, this.#client.watch(turnId, { signal, detail: Detail.REASONING }));
    });
  }

  #begin(turn: TurnView): void {
    this.turns.push(turn);
    this.#queue(turn, (signal) => this.#keepAsking(turn, signal));
  }

  #queue(turn: TurnView, run: (signal: AbortSignal) => Promise<void>): void {
    const stop = new AbortController();
    this.#stops.set(turn, stop);
    const signal = AbortSignal.any([stop.signal, this.#closed.signal]);
    const before = this.#last;
    const first = !this.turns.some((one) => one !== turn && !one.ended);
    turn.become(first ? "asking" : "waiting");
    this.#last = before.then(async () => {
      if (!signal.aborted) await run(signal).catch((thrown) => this.#ended(turn, thrown, signal));
      else this.#ended(turn, new CallCancelled(), signal);
      this.#stops.delete(turn);
    });
    this.#changed();
  }

  /** Ask until it has ended: the request_id makes one turn of all attempts. */
  async #keepAsking(turn: TurnView, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      if (!this.#link.isConnected) {
        turn.become("queued");
        this.#changed();
        await this.#link.connected(signal);
      }
      if (turn.status !== "streaming") turn.become("asking");
      turn.sentAt = Date.now();
      this.#changed();
      const question = {
        query: turn.query,
        conversationId: this.conversationId,
        requestId: turn.requestId,
        detail: Detail.REASONING,
      };
      try {
        await this.#read(turn, this.#client.ask(question, { signal }));
        return;
      } catch (thrown) {
        const error = toError(thrown, signal);
        if (!error.unreached && !(error instanceof StreamCut)) throw error;
        debug("ask", turn.requestId, "again after", error.message);
        this.#link.suspect(error.message);
        await sleep(reconnectWait(BACKOFF, attempt) ?? 0, signal);
      }
    }
  }

  async #read(turn: TurnView, frames: AsyncIterable<Parameters<TurnView["take"]>[0]>): Promise<void> {
    let first = true;
    let slice = performance.now();
    for await (const frame of frames) {
      if (first && frame.sequence === 1n && turn.text) turn.clear(); // joined from its beginning
      first = false;
      turn.take(frame);
      this.#changed();
      if (performance.now() - slice > SLICE_MS) {
        await breathe();
        slice = performance.now();
      }
    }
    this.#pending.remove(turn.requestId);
    this.emit("ended", turn);
    this.#changed();
  }

  #ended(turn: TurnView, thrown: unknown, signal: AbortSignal): void {
    if (this.#closed.signal.aborted) return;
    const error = toError(thrown, signal);
    this.#pending.remove(turn.requestId);
    if (error instanceof CallCancelled && !turn.turnId) {
      this.turns.splice(this.turns.indexOf(turn), 1); // it never was
    } else {
      turn.fail(error instanceof EnhancedPromptError ? error : toError(error));
    }
    this.emit("ended", turn);
    this.#changed();
  }

  #changed(): void {
    this.version += 1;
    this.#tell();
  }
}
