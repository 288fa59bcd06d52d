/** A stored conversation as turns: what was asked, what came of it, and what that rests on. */
import type { PromptResponse } from "../../../gen/enhanced_prompt/v1/answers_pb";
import {
  type ConversationMessage,
  type MessageMatch,
  MessageRole,
} from "../../../gen/enhanced_prompt/v1/history_service_pb";
import { type Span, spans } from "../ask/spans";

export interface PastTurn {
  turnId: string;
  question: ConversationMessage | undefined;
  answer: ConversationMessage | undefined;
  response: PromptResponse | undefined;
}

/** Oldest first. A turn that failed or was stopped has a question alone, or an answer cut short. */
export function turnsOf(messages: readonly ConversationMessage[], responses: readonly PromptResponse[]): PastTurn[] {
  const found = new Map<string, PastTurn>();
  const stored = new Map(responses.map((one) => [one.turnId, one]));
  for (const message of messages) {
    let turn = found.get(message.turnId);
    if (!turn) {
      turn = { turnId: message.turnId, question: undefined, answer: undefined, response: stored.get(message.turnId) };
      found.set(message.turnId, turn);
    }
    if (message.role === MessageRole.USER) turn.question = message;
    else turn.answer = message;
  }
  return [...found.values()];
}

const BEFORE = 60;
const AFTER = 140;

export interface Piece {
  key: number;
  text: string;
  hit: boolean;
}

/** The part of a found message around its first hit, with hits marked. */
export function excerpt(match: Pick<MessageMatch, "message" | "highlights">): Piece[] {
  const text = match.message?.content ?? "";
  const marked = spans(
    text,
    match.highlights.map(({ start, end }) => ({ eventId: "hit", start, end })),
  );
  const first = marked.find(isHit)?.start ?? 0;
  const from = first <= BEFORE ? 0 : wordAfter(text, first - BEFORE);
  const to = text.length - from <= BEFORE + AFTER ? text.length : wordBefore(text, from + BEFORE + AFTER);
  const pieces = marked
    .map((one) => ({
      key: one.start,
      text: text.slice(Math.max(from, one.start), Math.min(to, one.start + one.text.length)),
      hit: isHit(one),
    }))
    .filter((one) => one.text !== "");
  if (from > 0) pieces.unshift({ key: -1, text: "… ", hit: false });
  if (to < text.length) pieces.push({ key: text.length, text: " …", hit: false });
  return pieces;
}

function isHit(span: Span): boolean {
  return span.eventIds.length > 0;
}

function wordAfter(text: string, at: number): number {
  const space = text.indexOf(" ", at);
  return space < 0 || space > at + 30 ? at : space + 1;
}

function wordBefore(text: string, at: number): number {
  const space = text.lastIndexOf(" ", at);
  return space < at - 30 ? at : space;
}
