/**
 * Questions that were asked and not yet seen answered, kept over a reload. Asking again with the
 * same request_id joins the turn, so that none of them is ever asked twice.
 */

export interface PendingQuestion {
  conversationId: string;
  requestId: string;
  query: string;
  /** Date.now() */
  askedAt: number;
}

/** What of Web Storage is used. */
export type Store = Pick<Storage, "getItem" | "setItem">;

const KEY = "eps.pending";
const KEPT_MS = 24 * 3600 * 1000; // so long a request_id is remembered
const MOST = 50;

export class PendingQuestions {
  constructor(readonly store: Store | undefined = safeStorage("sessionStorage")) {}

  of(conversationId: string): PendingQuestion[] {
    return this.#read().filter((one) => one.conversationId === conversationId);
  }

  add(question: PendingQuestion): void {
    this.#write([...this.#read().filter((one) => one.requestId !== question.requestId), question]);
  }

  remove(requestId: string): void {
    this.#write(this.#read().filter((one) => one.requestId !== requestId));
  }

  #read(): PendingQuestion[] {
    try {
      const found: unknown = JSON.parse(this.store?.getItem(KEY) ?? "[]");
      const since = Date.now() - KEPT_MS;
      return Array.isArray(found) ? (found as PendingQuestion[]).filter((one) => one.askedAt > since) : [];
    } catch {
      return [];
    }
  }

  #write(questions: PendingQuestion[]): void {
    try {
      this.store?.setItem(KEY, JSON.stringify(questions.slice(-MOST)));
    } catch {
      // full or forbidden: a reload will not find them
    }
  }
}

/** Web Storage where it is allowed. */
export function safeStorage(kind: "localStorage" | "sessionStorage"): Storage | undefined {
  try {
    return globalThis[kind];
  } catch {
    return undefined;
  }
}
