/** History: what was asked and answered, to search, read again, take along and delete. */
import "../ask/ask.css"; // answers look here as they did there
import "./history.css";
import { type ReactNode, useCallback, useState } from "react";
import {
  type ConversationSummary,
  HistoryService,
  type MessageMatch,
  MessageRole,
} from "../../../gen/enhanced_prompt/v1/history_service_pb";
import { conversationId, historyPath } from "../../addresses";
import { useApp } from "../../context";
import { Link } from "../../router";
import type { PageProps } from "../../routes";
import { many, since } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { type Pages, usePages } from "../../ui/pages";
import { BackTo, Empty, ErrorNote, PageHead, Skeleton } from "../../ui/parts";
import { useSettled } from "../../ui/settled";
import { Conversation } from "./conversation";
import { ExportDialog } from "./export-dialog";
import { excerpt } from "./turns";

const PAGE = 40;
const WAIT_MS = 250;

export default function HistoryPage({ rest }: PageProps) {
  const [typed, setTyped] = useState("");
  const query = useSettled(typed.trim(), WAIT_MS);
  const [exporting, setExporting] = useState(false);
  const [version, setVersion] = useState(0);
  const changed = useCallback(() => setVersion((one) => one + 1), []);
  const id = conversationId(rest);
  return (
    <>
      <PageHead title="History">
        <button type="button" className="button" onClick={() => setExporting(true)}>
          <Icon name="download" size={14} /> Export
        </button>
      </PageHead>
      <div className="split" data-chosen={rest !== ""}>
        <section className="split-list" aria-label="Conversations">
          <search>
            <label>
              <Icon name="search" size={14} />
              <span className="hidden-words">Search what was said</span>
              <input
                type="search"
                placeholder="Search what was said"
                maxLength={512}
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
            </label>
          </search>
          {query ? <Found key={query} query={query} current={id} /> : <Recent key={version} current={id} />}
        </section>
        <section className="split-detail" aria-label="The chosen conversation">
          {rest ? (
            <>
              <BackTo href="/history">All conversations</BackTo>
              <Conversation key={id} id={id} onChanged={changed} />
            </>
          ) : (
            <Empty icon="history" title="Choose a conversation">
              <p>Its questions, answers and evidence stand here as they were.</p>
            </Empty>
          )}
        </section>
      </div>
      {exporting && <ExportDialog onClose={() => setExporting(false)} />}
    </>
  );
}

function Recent({ current }: { current: string }) {
  const { client } = useApp();
  const pages = usePages(
    useCallback(
      async (pageToken: string, signal: AbortSignal) => {
        const page = await client.unary(
          HistoryService.method.listConversations,
          { pageSize: PAGE, pageToken },
          { signal },
        );
        return { items: page.conversations, next: page.nextPageToken };
      },
      [client],
    ),
  );
  return (
    <List
      pages={pages}
      empty={
        <Empty icon="history" title="No conversations yet">
          <p>
            What you ask is kept here. <Link href="/ask">Ask something</Link>
          </p>
        </Empty>
      }
    >
      {(one: ConversationSummary) => (
        <li key={one.conversationId}>
          <Row summary={one} current={current}>
            <span className="quiet numeric">
              {many(one.turns, "question")} · {since(one.lastActivity)}
            </span>
          </Row>
        </li>
      )}
    </List>
  );
}

function Found({ query, current }: { query: string; current: string }) {
  const { client } = useApp();
  const pages = usePages(
    useCallback(
      async (pageToken: string, signal: AbortSignal) => {
        const page = await client.unary(
          HistoryService.method.searchMessages,
          { query, pageSize: PAGE, pageToken },
          { signal },
        );
        return { items: page.matches, next: page.nextPageToken };
      },
      [client, query],
    ),
  );
  return (
    <List
      pages={pages}
      empty={
        <Empty icon="search" title="Nothing found">
          <p>All words must occur in one message. Fewer of them find more.</p>
        </Empty>
      }
    >
      {(one: MessageMatch) => (
        <li key={`${one.message?.turnId}${one.message?.role}`}>
          <Row summary={one.conversation} current={current}>
            <span className="history-excerpt">
              <span className="quiet">{one.message?.role === MessageRole.USER ? "Asked: " : "Answered: "}</span>
              {excerpt(one).map((piece) => (piece.hit ? <mark key={piece.key}>{piece.text}</mark> : piece.text))}
            </span>
            <span className="quiet numeric">{since(one.message?.timestamp)}</span>
          </Row>
        </li>
      )}
    </List>
  );
}

function Row(props: { summary: ConversationSummary | undefined; current: string; children: ReactNode }) {
  const { summary, current, children } = props;
  if (!summary) return null;
  return (
    <Link
      href={historyPath(summary.conversationId)}
      aria-current={summary.conversationId === current ? "true" : undefined}
    >
      <span className="split-title">{summary.title || "Without a title"}</span>
      {children}
    </Link>
  );
}

function List<Item>(props: { pages: Pages<Item>; empty: ReactNode; children: (item: Item) => ReactNode }) {
  const { pages, empty, children } = props;
  const { items, error, more, loadingMore } = pages;
  return (
    <>
      {error && <ErrorNote error={error} retry={pages.reload} />}
      {!items && !error && <Skeleton lines={6} />}
      {items?.length === 0 && empty}
      {items && items.length > 0 && <ul aria-busy={pages.busy}>{items.map(children)}</ul>}
      {more && (
        <button type="button" className="button more" disabled={loadingMore} onClick={more}>
          {loadingMore ? "Loading" : "Show more"}
        </button>
      )}
    </>
  );
}
