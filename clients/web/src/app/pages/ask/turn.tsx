/** One question and its answer. */
import { memo, useCallback, useState } from "react";
import type { Conversation } from "../../../services/conversation";
import type { TurnView } from "../../../services/turn-view";
import { useCatalogue } from "../../catalogue";
import { EvidenceList } from "../../ui/evidence";
import { clock, count, dayAndTime, duration, percent } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { ErrorNote } from "../../ui/parts";
import { Answer } from "./answer";
import { TemplateOffer } from "./offer";
import { Reasoning } from "./reasoning";

interface Props {
  turn: TurnView;
  /** Of the turn: it is one object, and this tells that it changed. */
  version: number;
  conversation: Conversation;
  newest: boolean;
  onAsk: (query: string) => void;
  onStop: (turn: TurnView) => void;
}

export const TurnCard = memo(function TurnCard({ turn, conversation, newest, onAsk, onStop }: Props) {
  const [active, setActive] = useState<readonly string[]>([]);
  const { response } = turn;
  const [shown, setShown] = useState<{ eventId: string }>();
  const show = useCallback((eventId: string) => setShown({ eventId }), []);
  return (
    <li className="turn" data-status={turn.status} aria-busy={turn.running}>
      <h2 className="question">{turn.query}</h2>
      <div className="turn-body" data-evidence={turn.evidence.length > 0}>
        <div className="turn-answer">
          <Progress turn={turn} onStop={onStop} />
          {turn.text && (
            <Answer
              text={turn.text}
              streaming={turn.running}
              citations={response?.citations ?? []}
              active={active}
              onActive={setActive}
              onShow={show}
            />
          )}
          {turn.status === "cancelled" && (
            <p className="turn-note">
              <Icon name="stop" size={13} /> Stopped{turn.text ? "; this is what was said so far." : "."}
            </p>
          )}
          {turn.error && (
            <ErrorNote
              error={turn.error}
              title={turn.partialKept ? "The answer is incomplete." : "No answer."}
              retry={() => conversation.retry(turn)}
            />
          )}
          <Meta turn={turn} />
          {response && <Understood turn={turn} />}
          <Reasoning turn={turn} />
          {newest && response && response.followUpQuestions.length > 0 && (
            <ul className="follow-ups" aria-label="Ask next">
              {response.followUpQuestions.map((one) => (
                <li key={one}>
                  <button type="button" onClick={() => onAsk(one)}>
                    {one}
                  </button>
                </li>
              ))}
            </ul>
          )}
          <TemplateOffer turn={turn} conversation={conversation} />
        </div>
        {turn.evidence.length > 0 && (
          <EvidenceList
            id={turn.requestId}
            evidence={turn.evidence}
            total={turn.totalMatches}
            zone={response?.interpretation?.timeZone}
            active={active}
            onActive={setActive}
            shown={shown}
          />
        )}
      </div>
    </li>
  );
});

function Progress({ turn, onStop }: { turn: TurnView; onStop: (turn: TurnView) => void }) {
  if (turn.status === "queued") {
    return (
      <p className="turn-note" role="status">
        <Icon name="offline" size={14} /> Waits for the service, and is sent once as soon as it is there.
        <button type="button" className="link" onClick={() => onStop(turn)}>
          Take it back
        </button>
      </p>
    );
  }
  if (turn.status === "waiting") {
    return (
      <p className="turn-note" role="status">
        Next in line.
        <button type="button" className="link" onClick={() => onStop(turn)}>
          Take it back
        </button>
      </p>
    );
  }
  if (!turn.running || turn.text) return null;
  const step = turn.steps.at(-1);
  return (
    <p className="turn-note looking" role="status">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {turn.withdrawn > 0 ? "Beginning anew" : step ? (STEP_WORDS[step.name] ?? "Looking") : "Looking"}
    </p>
  );
}

const STEP_WORDS: Record<string, string> = {
  understand: "Understanding the question",
  count_events: "Counting events",
  list_events: "Reading events",
  compose: "Writing",
};

function Meta({ turn }: { turn: TurnView }) {
  const { response } = turn;
  if (!response) return null;
  const cost = response.usage?.sum?.cost;
  const tokens = Number(response.usage?.sum?.inputTokens ?? 0n) + Number(response.usage?.sum?.outputTokens ?? 0n);
  const parts = [
    `took ${duration(response.processingTimeMs)}`,
    turn.firstTextMs !== undefined && `first word after ${duration(turn.firstTextMs)}`,
    response.confidenceScore > 0 && `${percent(response.confidenceScore)} sure`,
    tokens > 0 && `${count(tokens)} tokens`,
    cost !== undefined && cost > 0 && `$${cost.toFixed(4)}`,
    turn.withdrawn > 0 && `begun anew ${turn.withdrawn === 1 ? "once" : `${turn.withdrawn} times`}`,
  ].filter(Boolean);
  return (
    <p className="meta numeric">
      <time dateTime={turn.askedAt.toISOString()} title={dayAndTime(turn.askedAt)}>
        {clock(turn.askedAt)}
      </time>
      {parts.map((one) => (
        <span key={String(one)}>{one}</span>
      ))}
    </p>
  );
}

/** How the question was taken, and how much of it was recorded at all. */
function Understood({ turn }: { turn: TurnView }) {
  useCatalogue();
  const { interpretation, coverage } = turn.response ?? {};
  if (!interpretation?.rendered) return null;
  const share = coverage?.share;
  return (
    <div className="understood">
      <p>
        <span className="quiet">Understood</span> {interpretation.rendered}
      </p>
      {interpretation.assumptions.map((one) => (
        <p key={one}>
          <span className="quiet">Assumed</span> {one}
        </p>
      ))}
      {share !== undefined && (
        <p className="coverage" data-thin={share < 0.9}>
          <span className="quiet">Recorded</span>
          <span className="coverage-bar" aria-hidden="true">
            <i style={{ width: `${Math.round(share * 100)}%` }} />
          </span>
          <span className="numeric">{share > 0.99 && share < 1 ? "over 99 %" : percent(share)} of that time</span>
        </p>
      )}
    </div>
  );
}
