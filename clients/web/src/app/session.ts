/** Who is asking: a bearer token, and whether the service wants one. */
import type { EnhancedPromptError } from "../client";
import { Emitter } from "../services/emitter";
import { safeStorage } from "../services/pending";

const KEY = "eps.token";

export class Session extends Emitter<{ change: [] }> {
  /** The service refused us, and says why; undefined while it does not. */
  refused: string | undefined;
  #token: string | undefined;

  constructor() {
    super();
    this.#token = safeStorage("sessionStorage")?.getItem(KEY) ?? safeStorage("localStorage")?.getItem(KEY) ?? undefined;
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** Use a token from now on; `keep` says whether also after the window is closed. */
  signIn(token: string, keep: boolean): void {
    this.#token = token;
    this.refused = undefined;
    safeStorage("sessionStorage")?.setItem(KEY, token);
    if (keep) safeStorage("localStorage")?.setItem(KEY, token);
    else safeStorage("localStorage")?.removeItem(KEY);
    this.emit("change");
  }

  signOut(): void {
    this.#token = undefined;
    safeStorage("sessionStorage")?.removeItem(KEY);
    safeStorage("localStorage")?.removeItem(KEY);
    this.emit("change");
  }

  /** Look at an error of a call: one that signing in would help against shows the sign-in page. */
  note(error: EnhancedPromptError): void {
    if (!error.unauthenticated || this.refused !== undefined) return;
    this.refused = REASONS[error.reason] ?? error.message;
    this.emit("change");
  }
}

const REASONS: Record<string, string> = {
  CREDENTIALS_MISSING: "",
  CREDENTIALS_INVALID: "That token is not valid here.",
  CREDENTIALS_EXPIRED: "Your sign-in has expired.",
  CREDENTIALS_REVOKED: "Your sign-in was revoked.",
};
