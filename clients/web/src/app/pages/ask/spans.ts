/** A text cut into the spans that its citations mark. */
import type { Citation } from "../../../gen/enhanced_prompt/v1/answers_pb";

export interface Span {
  /** Where it begins, in UTF-16 units: its key among the others. */
  start: number;
  text: string;
  /** What supports it; empty for nothing. */
  eventIds: string[];
}

const LONGEST = 2000; // a paragraph that grows without end would be laid out anew with each token

/** The spans in order; together they are the text. Citations count Unicode code points. */
export function spans(text: string, citations: readonly Pick<Citation, "eventId" | "start" | "end">[]): Span[] {
  const unit = units(text);
  const marks = citations
    .map((one) => ({ eventId: one.eventId, start: unit(one.start), end: unit(one.end) }))
    .filter((one) => one.start < one.end);
  const edges = [...new Set([0, text.length, ...marks.flatMap((one) => [one.start, one.end])])].sort((a, b) => a - b);
  const found: Span[] = [];
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const start = edges[index] ?? 0;
    const end = edges[index + 1] ?? 0;
    const eventIds = [
      ...new Set(marks.filter((one) => one.start <= start && one.end >= end).map((one) => one.eventId)),
    ];
    found.push({ start, text: text.slice(start, end), eventIds });
  }
  return found;
}

/** From code points to UTF-16 units, bounded by the text. */
function units(text: string): (point: number) => number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all that is one unit
  if (/^[\u0000-\ud7ff\ue000-\uffff]*$/.test(text)) return (point) => Math.min(Math.max(point, 0), text.length);
  const offsets = [0];
  for (const character of text) offsets.push((offsets.at(-1) ?? 0) + character.length);
  return (point) => offsets[Math.min(Math.max(point, 0), offsets.length - 1)] ?? text.length;
}

/**
 * Lines of a text that grows. A very long one is cut at a space, so that what stands is left alone
 * when more comes.
 */
export function paragraphs(text: string): string[] {
  const found: string[] = [];
  for (const line of text.split("\n")) {
    let rest = line;
    while (rest.length > LONGEST) {
      const space = rest.indexOf(" ", LONGEST - 200);
      if (space < 0 || space > LONGEST + 200) break;
      found.push(rest.slice(0, space));
      rest = rest.slice(space + 1);
    }
    if (rest.trim()) found.push(rest);
  }
  return found;
}
