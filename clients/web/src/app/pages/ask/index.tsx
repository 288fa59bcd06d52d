/** Ask: a conversation, its answers as they come, and what they rest on. */
import "./ask.css";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { toError } from "../../../client";
import type { Conversation } from "../../../services/conversation";
import type { TurnView } from "../../../services/turn-view";
import { conversationId, conversationPath } from "../../addresses";
import { useApp } from "../../context";
import { Link, navigate, useQuery } from "../../router";
import type { PageProps } from "../../routes";
import { useEscape } from "../../shell/keys";
import { Icon } from "../../ui/icon";
import { Empty, ErrorNote, PageHead, Skeleton } from "../../ui/parts";
import { Composer } from "./composer";
import { TurnCard } from "./turn";
import { Welcome } from "./welcome";

export default function AskPage({ rest }: PageProps) {
  const app = useApp();
  const asked = useQuery().get("q")?.trim() ?? "";
  const conversation = rest ? app.conversation(conversationId(rest)) : undefined;

  const ask = useCallback(
    (query: string) => {
      const into = conversation ?? app.conversation(`web-${crypto.randomUUID()}`, true);
      into.ask(query);
      if (into !== conversation) navigate(conversationPath(into.conversationId), { replace: location.search !== "" });
    },
    [app, conversation],
  );
  useEffect(() => {
    if (asked) ask(asked);
    // Once for each address: asking changes it.
  }, [asked, ask]);

  return (
    <>
      <PageHead title="Ask">
        {conversation && (
          <Link className="button" href="/ask">
            <Icon name="plus" size={14} />
            New
          </Link>
        )}
      </PageHead>
      {conversation ? (
        <Thread key={conversation.conversationId} conversation={conversation} onAsk={ask} />
      ) : (
        <div className="page-body">
          <div className="ask-column">
            <Welcome onAsk={ask} />
          </div>
        </div>
      )}
      <Composer conversation={conversation} onAsk={ask} />
    </>
  );
}

/** Shown again with every change of a conversation, at most once a picture. */
export function useConversation(conversation: Conversation): number {
  return useSyncExternalStore(
    (changed) => conversation.on("change", changed),
    () => conversation.version,
  );
}

const NEAR = 80; // pixels from the end that still count as reading the newest

function Thread({ conversation, onAsk }: { conversation: Conversation; onAsk: (query: string) => void }) {
  const { toasts } = useApp();
  const version = useConversation(conversation);
  const body = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [reveal, setReveal] = useState(false);

  // The newest stays in view for as long as the reader stays at the end.
  useEffect(() => {
    const element = body.current;
    if (version >= 0 && element && following.current) element.scrollTop = element.scrollHeight;
  }, [version]);
  const scrolled = () => {
    const element = body.current;
    if (!element) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    setReveal(!following.current);
  };
  const stop = useCallback(
    (turn: TurnView) => {
      conversation.stop(turn).catch((thrown) => toasts.show(`Could not stop it: ${toError(thrown).message}`));
    },
    [conversation, toasts],
  );
  const leave = useCallback(() => {
    const open = conversation.turns.findLast((one) => !one.ended);
    if (open) stop(open);
  }, [conversation, stop]);
  useEscape(leave);

  return (
    <div className="page-body" ref={body} onScroll={scrolled}>
      <div className="ask-column">
        {conversation.loading === "loading" && conversation.turns.length === 0 && <Skeleton lines={5} />}
        {conversation.loading === "missing" && (
          <Empty icon="history" title="There is no such conversation">
            <p>It was deleted, or it belongs to somebody else.</p>
          </Empty>
        )}
        {conversation.loading === "failed" && conversation.loadError && (
          <ErrorNote error={conversation.loadError} retry={() => void conversation.load()} />
        )}
        <ol className="turns" aria-label="Conversation">
          {conversation.turns.map((turn, index) => (
            <TurnCard
              key={turn.requestId}
              turn={turn}
              version={turn.version}
              conversation={conversation}
              newest={index === conversation.turns.length - 1}
              onAsk={onAsk}
              onStop={stop}
            />
          ))}
        </ol>
      </div>
      {reveal && conversation.running && (
        <button
          type="button"
          className="button to-newest"
          onClick={() => body.current?.scrollTo({ top: body.current.scrollHeight, behavior: "smooth" })}
        >
          Newest
        </button>
      )}
    </div>
  );
}
