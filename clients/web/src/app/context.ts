/** What there is one of in the app, for all of its pages. */
import { createContext, useContext } from "react";
import { EnhancedPromptClient } from "../client";
import { Conversation } from "../services/conversation";
import { PendingQuestions } from "../services/pending";
import { Realtime } from "../services/realtime";
import { Catalogue } from "./catalogue";
import type { AppConfig } from "./config";
import { Session } from "./session";
import { Toasts } from "./shell/toasts";

/** The app without its pages. */
export class App {
  readonly session = new Session();
  readonly toasts = new Toasts();
  readonly client: EnhancedPromptClient;
  readonly realtime: Realtime;
  readonly catalogue: Catalogue;
  readonly pending = new PendingQuestions();
  readonly #conversations = new Map<string, Conversation>();

  constructor(readonly config: AppConfig) {
    this.client = new EnhancedPromptClient({
      baseUrl: config.url,
      token: () => this.session.token,
      onError: (error) => this.session.note(error),
    });
    this.realtime = new Realtime(this.client);
    this.catalogue = new Catalogue(this.client);
  }

  /** A conversation of this page: it goes on while other pages are looked at. */
  conversation(conversationId: string, fresh = false): Conversation {
    let found = this.#conversations.get(conversationId);
    if (!found) {
      found = new Conversation({
        client: this.client,
        link: this.realtime.link,
        pending: this.pending,
        conversationId,
      });
      this.#conversations.set(conversationId, found);
      if (!fresh) void found.load();
    }
    return found;
  }

  /** Nothing of a conversation is kept here any more. */
  forget(conversationId: string): void {
    this.#conversations.get(conversationId)?.close();
    this.#conversations.delete(conversationId);
  }

  /** Conversations that were opened here, newest last. */
  get opened(): readonly Conversation[] {
    return [...this.#conversations.values()];
  }
}

export const AppContext = createContext<App | undefined>(undefined);

export function useApp(): App {
  const found = useContext(AppContext);
  if (!found) throw new Error("there is no app around this component");
  return found;
}
