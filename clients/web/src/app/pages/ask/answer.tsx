/** An answer's text: paragraphs that grow while it streams, and cited spans that lead to evidence. */
import { memo, useMemo } from "react";
import type { Citation } from "../../../gen/enhanced_prompt/v1/answers_pb";
import { paragraphs, type Span, spans } from "./spans";

interface Props {
  text: string;
  streaming: boolean;
  citations: readonly Citation[];
  /** Event ids that are pointed at, here or in the list of evidence. */
  active: readonly string[];
  onActive: (eventIds: readonly string[]) => void;
  onShow: (eventId: string) => void;
}

export function Answer({ text, streaming, citations, active, onActive, onShow }: Props) {
  const cited = useMemo(
    () => (citations.length > 0 ? paragraphsOf(spans(text, citations)) : undefined),
    [text, citations],
  );
  return (
    <div className="answer" data-streaming={streaming} data-testid="answer">
      {cited
        ? cited.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: paragraphs of a finished text keep their places
            <p key={index}>
              {line.map((span) => (
                <Cited key={span.start} span={span} active={active} onActive={onActive} onShow={onShow} />
              ))}
            </p>
          ))
        : paragraphs(text).map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: text only grows at its end
            <Paragraph key={index} text={line} />
          ))}
    </div>
  );
}

const Paragraph = memo(function Paragraph({ text }: { text: string }) {
  return <p>{text}</p>;
});

type CitedProps = Pick<Props, "active" | "onActive" | "onShow"> & { span: Span };

function Cited({ span, active, onActive, onShow }: CitedProps) {
  if (span.eventIds.length === 0) return span.text;
  const lit = span.eventIds.some((one) => active.includes(one));
  const first = span.eventIds[0] ?? "";
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button does not break over lines as text does
    <span
      className="cited"
      role="button"
      tabIndex={0}
      data-lit={lit}
      title={span.eventIds.length === 1 ? "Show its evidence" : `Show its ${span.eventIds.length} pieces of evidence`}
      onMouseEnter={() => onActive(span.eventIds)}
      onMouseLeave={() => onActive([])}
      onFocus={() => onActive(span.eventIds)}
      onBlur={() => onActive([])}
      onClick={() => onShow(first)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        onShow(first);
      }}
    >
      {span.text}
    </span>
  );
}

/** Spans cut at line ends, so that each paragraph has its own. */
function paragraphsOf(found: readonly Span[]): Span[][] {
  const lines: Span[][] = [[]];
  for (const span of found) {
    let start = span.start;
    span.text.split("\n").forEach((piece, index) => {
      if (index > 0) lines.push([]);
      if (piece) lines.at(-1)?.push({ ...span, start, text: piece });
      start += piece.length + 1;
    });
  }
  return lines.filter((line) => line.length > 0);
}
