/** A conversation of the past, whole, and what can be done with it. */
import { useCallback, useState } from "react";
import { isNotFound } from "../../../client";
import type { GetConversationResponse } from "../../../gen/enhanced_prompt/v1/history_service_pb";
import { HistoryService } from "../../../gen/enhanced_prompt/v1/history_service_pb";
import { conversationPath } from "../../addresses";
import { useCatalogue } from "../../catalogue";
import { useApp } from "../../context";
import { Link, navigate } from "../../router";
import { Confirm } from "../../ui/dialog";
import { EvidenceList } from "../../ui/evidence";
import { clock, count, dayAndTime, duration, many, percent } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { useLoaded } from "../../ui/loading";
import { Empty, ErrorNote, Skeleton } from "../../ui/parts";
import { Answer } from "../ask/answer";
import { TemplateDialog } from "./template-dialog";
import { type PastTurn, turnsOf } from "./turns";

export function Conversation({ id, onChanged }: { id: string; onChanged: () => void }) {
  const { client } = useApp();
  const load = useCallback(
    (signal: AbortSignal) =>
      client.unary(HistoryService.method.getConversation, { conversationId: id, includeResponses: true }, { signal }),
    [client, id],
  );
  const { value, error, reload } = useLoaded(load);
  if (isNotFound(error)) {
    return (
      <Empty icon="history" title="There is no such conversation">
        <p>It was deleted, or it belongs to somebody else.</p>
      </Empty>
    );
  }
  if (!value?.conversation) {
    return error ? <ErrorNote error={error} title="No conversation." retry={reload} /> : <Skeleton lines={6} />;
  }
  return (
    <article className="past">
      <Head id={id} found={value} onChanged={onChanged} />
      {error && <ErrorNote error={error} retry={reload} />}
      <ol className="past-turns" aria-label="Turns">
        {turnsOf(value.conversation.messages, value.responses).map((turn) => (
          <Turn key={turn.turnId} turn={turn} />
        ))}
      </ol>
    </article>
  );
}

function Head({ id, found, onChanged }: { id: string; found: GetConversationResponse; onChanged: () => void }) {
  const app = useApp();
  const catalogue = useCatalogue();
  const [open, setOpen] = useState<"delete" | "template">();
  const close = useCallback(() => setOpen(undefined), []);
  const { conversation } = found;
  if (!conversation) return null;
  const remove = async () => {
    const done = await app.client.unary(HistoryService.method.deleteConversation, { conversationId: id });
    app.forget(id);
    app.toasts.show(`Deleted, with ${many(done.deletedTurns, "question")}.`);
    onChanged();
    navigate("/history", { replace: true });
  };
  const facts = [
    dayAndTime(conversation.conversationCreated),
    many(conversation.userQueries, "question"),
    conversation.aiResponses > 0 && `${percent(conversation.averageConfidence)} sure on average`,
    conversation.evidenceItemsTotal > 0 && `${count(conversation.evidenceItemsTotal)} pieces of evidence`,
    conversation.camerasDiscussed.map((one) => catalogue.name(one)).join(", "),
  ].filter(Boolean);
  return (
    <header className="past-head">
      <h2>{conversation.title}</h2>
      <p className="quiet numeric">{facts.join(" · ")}</p>
      <div className="past-actions">
        <Link className="button" href={conversationPath(id)}>
          <Icon name="ask" size={14} /> Go on asking
        </Link>
        <button type="button" className="button" onClick={() => setOpen("template")}>
          <Icon name="templates" size={14} /> Make a template
        </button>
        <button type="button" className="button" onClick={() => setOpen("delete")}>
          <Icon name="trash" size={14} /> Delete
        </button>
      </div>
      {open === "template" && <TemplateDialog conversationId={id} onClose={close} />}
      {open === "delete" && (
        <Confirm title="Delete this conversation?" action="Delete for good" onConfirm={remove} onClose={close}>
          <p>
            “{conversation.title}”, with {count(conversation.totalMessages)} messages. A question that still runs is
            stopped. This can’t be undone.
          </p>
        </Confirm>
      )}
    </header>
  );
}

function Turn({ turn }: { turn: PastTurn }) {
  const [active, setActive] = useState<readonly string[]>([]);
  const [shown, setShown] = useState<{ eventId: string }>();
  const show = useCallback((eventId: string) => setShown({ eventId }), []);
  const { question, answer, response } = turn;
  const meta = [
    response && `took ${duration(response.processingTimeMs)}`,
    response && response.confidenceScore > 0 && `${percent(response.confidenceScore)} sure`,
  ].filter(Boolean);
  return (
    <li className="past-turn">
      <h3>{question?.content ?? response?.query}</h3>
      <p className="quiet numeric past-meta">
        <time title={dayAndTime(question?.timestamp ?? answer?.timestamp)}>
          {clock(question?.timestamp ?? answer?.timestamp)}
        </time>
        {meta.map((one) => (
          <span key={String(one)}>{one}</span>
        ))}
      </p>
      <div className="past-body" data-evidence={(response?.evidence.length ?? 0) > 0}>
        {answer ? (
          <Answer
            text={answer.content}
            streaming={false}
            citations={response?.citations ?? []}
            active={active}
            onActive={setActive}
            onShow={show}
          />
        ) : (
          <p className="quiet">No answer was kept.</p>
        )}
        {response && response.evidence.length > 0 && (
          <EvidenceList
            id={turn.turnId}
            evidence={response.evidence}
            total={Number(response.totalMatches)}
            zone={response.interpretation?.timeZone}
            active={active}
            onActive={setActive}
            shown={shown}
          />
        )}
      </div>
    </li>
  );
}
