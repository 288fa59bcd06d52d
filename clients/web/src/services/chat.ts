/** A chat as older pages know it, on Ask, WatchTurn and the unary calls instead of a WebSocket. */
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { EnhancedPromptClient, toError } from "../client";
import type { TemplateSuggestion } from "../gen/enhanced_prompt/v1/answers_pb";
import { PromptService } from "../gen/enhanced_prompt/v1/prompt_service_pb";
import { OptimizationType, type OptimizedPrompt } from "../gen/enhanced_prompt/v1/prompts_pb";
import { TemplateService } from "../gen/enhanced_prompt/v1/template_service_pb";
import { Conversation } from "./conversation";
import { Link } from "./link";

export interface ChatMessage {
  id: string;
  content: string;
  role: "user" | "assistant";
  timestamp: Date;
  /** Milliseconds, of an answer that is complete. */
  processingTime?: number;
}

export interface TemplateOpportunity {
  title: string;
  description: string;
  category: string;
  /** 0 to 1. */
  confidence: number;
  reasoning: string;
}

export interface PromptCraftChatOptions {
  /** The gateway; the page's own origin by default. */
  url?: string;
  /** A conversation to go on with; otherwise a new one of this user. */
  conversationId?: string;
}

export type OptimizationName = "enhancement" | "clarity" | "specificity";

const OPTIMIZATIONS: Record<OptimizationName, OptimizationType> = {
  enhancement: OptimizationType.ENHANCEMENT,
  clarity: OptimizationType.CLARITY,
  specificity: OptimizationType.SPECIFICITY,
};

const mounts = new WeakMap<Conversation, number>();

/** One conversation of a user. It needs no provider: it has a connection of its own. */
export function usePromptCraftChat(userId: string, token?: string, options: PromptCraftChatOptions = {}) {
  const { url, conversationId } = options;
  const chat = useMemo(() => {
    const client = new EnhancedPromptClient({ baseUrl: url, token });
    const link = new Link((signal) => client.ping(signal));
    const named =
      conversationId ?? `session_user_${userId.replace(/[^A-Za-z0-9_.:-]/g, "-").slice(0, 64)}_${Date.now()}`;
    return { client, link, conversation: new Conversation({ client, link, conversationId: named }) };
  }, [userId, token, url, conversationId]);
  const { client, link, conversation } = chat;
  const [failure, setFailure] = useState<string | null>(null);
  const [declined, setDeclined] = useState<string>();

  useEffect(() => {
    let left = false;
    mounts.set(conversation, (mounts.get(conversation) ?? 0) + 1);
    link.start();
    return () => {
      if (left) return;
      left = true;
      link.stop();
      mounts.set(conversation, (mounts.get(conversation) ?? 1) - 1);
      // In strict mode effects run twice; what is used again at once is not closed.
      setTimeout(() => mounts.get(conversation) === 0 && conversation.close());
    };
  }, [link, conversation]);

  const version = useSyncExternalStore(
    (changed) => conversation.on("change", changed),
    () => conversation.version,
  );
  const state = useSyncExternalStore(
    (changed) => link.on("change", changed),
    () => link.state,
  );
  const messages = useMemo(() => (version >= 0 ? messagesOf(conversation) : []), [conversation, version]);
  const suggestion = offerOf(conversation);
  const last = conversation.latest;

  const sendMessage = useCallback(
    (content: string): void => {
      if (!content.trim()) return;
      setFailure(null);
      conversation.ask(content.trim());
    },
    [conversation],
  );
  const acceptTemplateOpportunity = useCallback(async (): Promise<void> => {
    if (!suggestion) return;
    try {
      await client.unary(TemplateService.method.createTemplateFromConversation, {
        conversationId: conversation.conversationId,
        title: suggestion.title,
        category: suggestion.category,
        includeAiResponses: true,
        requestId: crypto.randomUUID(),
      });
      setDeclined(suggestion.title);
    } catch (thrown) {
      setFailure(toError(thrown).message);
    }
  }, [client, conversation, suggestion]);
  const declineTemplateOpportunity = useCallback(() => setDeclined(suggestion?.title), [suggestion]);
  const optimizePrompt = useCallback(
    async (
      prompt: string,
      context?: Record<string, string>,
      type: OptimizationName = "enhancement",
    ): Promise<OptimizedPrompt | undefined> => {
      try {
        const { optimized } = await client.unary(PromptService.method.optimizePrompt, {
          prompt,
          optimizationType: OPTIMIZATIONS[type],
          ...(context ? { context } : {}),
        });
        return optimized;
      } catch (thrown) {
        setFailure(toError(thrown).message);
        return undefined;
      }
    },
    [client],
  );

  const offer = suggestion && suggestion.title !== declined ? opportunity(suggestion) : null;
  return {
    messages,
    isConnected: state === "connected",
    isAITyping: last?.running ?? false,
    templateOpportunity: offer,
    connectionError:
      failure ?? last?.error?.message ?? (state === "reconnecting" ? "Failed to connect to chat system" : null),
    sendMessage,
    acceptTemplateOpportunity,
    declineTemplateOpportunity,
    optimizePrompt,
  };
}

function messagesOf(conversation: Conversation): ChatMessage[] {
  return conversation.turns.flatMap((turn) => {
    const asked: ChatMessage = { id: turn.requestId, content: turn.query, role: "user", timestamp: turn.askedAt };
    if (!turn.text) return [asked];
    const answer: ChatMessage = {
      id: turn.response?.messageId || `${turn.requestId}-answer`,
      content: turn.text,
      role: "assistant",
      timestamp: new Date(turn.sentAt + (turn.response?.processingTimeMs ?? 0)),
    };
    if (turn.response) answer.processingTime = turn.response.processingTimeMs;
    return [asked, answer];
  });
}

function offerOf(conversation: Conversation): TemplateSuggestion | undefined {
  return conversation.turns.findLast((turn) => turn.response?.templateSuggestions[0])?.response?.templateSuggestions[0];
}

function opportunity(from: TemplateSuggestion): TemplateOpportunity {
  const { title, description, category, confidence, reasoning } = from;
  return { title, description, category, confidence, reasoning };
}
