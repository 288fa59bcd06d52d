/** Templates: prompts worth asking again, with their variables. */
import "./templates.css";
import { useCallback, useRef, useState } from "react";
import { TemplateService } from "../../../gen/enhanced_prompt/v1/template_service_pb";
import type { Template } from "../../../gen/enhanced_prompt/v1/templates_pb";
import { conversationId, templatePath } from "../../addresses";
import { useApp } from "../../context";
import { Link, navigate } from "../../router";
import type { PageProps } from "../../routes";
import { since } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { usePages } from "../../ui/pages";
import { BackTo, Empty, ErrorNote, PageHead, Skeleton } from "../../ui/parts";
import { useSettled } from "../../ui/settled";
import { Detail } from "./detail";
import { Editor } from "./editor";

const PAGE = 50;
/** No template has this id. */
const NEW = "+";

export default function TemplatesPage({ rest }: PageProps) {
  const [typed, setTyped] = useState("");
  const query = useSettled(typed.trim(), 250);
  const [category, setCategory] = useState("");
  const [categories, setCategories] = useState<readonly string[]>([]);
  const [version, setVersion] = useState(0);
  const changed = useCallback(() => setVersion((one) => one + 1), []);
  const id = conversationId(rest);
  return (
    <>
      <PageHead title="Templates">
        <Link className="button" href={`/templates/${NEW}`}>
          <Icon name="plus" size={14} /> New
        </Link>
      </PageHead>
      <div className="split" data-chosen={rest !== ""}>
        <section className="split-list" aria-label="Templates">
          <search>
            <label>
              <Icon name="search" size={14} />
              <span className="hidden-words">Search templates</span>
              <input
                type="search"
                placeholder="Search templates"
                maxLength={512}
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
            </label>
            {categories.length > 0 && (
              <select
                className="field"
                aria-label="Category"
                value={category}
                onChange={(event) => setCategory(event.target.value)}
              >
                <option value="">All categories</option>
                {categories.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </search>
          <List
            key={`${version} ${query} ${category}`}
            query={query}
            category={category}
            current={id}
            onCategories={setCategories}
          />
        </section>
        <section className="split-detail" aria-label="The chosen template">
          {rest && <BackTo href="/templates">All templates</BackTo>}
          {rest === NEW ? (
            <Editor
              template={undefined}
              categories={categories}
              onCancel={() => navigate("/templates")}
              onSaved={(made) => {
                changed();
                navigate(templatePath(made.templateId), { replace: true });
              }}
            />
          ) : rest ? (
            <Detail key={id} id={id} categories={categories} onChanged={changed} />
          ) : (
            <Empty icon="templates" title="Choose a template">
              <p>Fill in its variables, look at the question that comes out, and ask it.</p>
            </Empty>
          )}
        </section>
      </div>
    </>
  );
}

interface ListProps {
  query: string;
  category: string;
  current: string;
  onCategories: (categories: readonly string[]) => void;
}

function List({ query, category, current, onCategories }: ListProps) {
  const { client } = useApp();
  const told = useRef(onCategories);
  const pages = usePages(
    useCallback(
      async (pageToken: string, signal: AbortSignal) => {
        const page = await client.unary(
          TemplateService.method.listTemplates,
          { query, category, pageSize: PAGE, pageToken },
          { signal },
        );
        if (!pageToken) told.current(page.categories);
        return { items: page.templates, next: page.nextPageToken };
      },
      [client, query, category],
    ),
  );
  const { items, error, more, loadingMore } = pages;
  return (
    <>
      {error && <ErrorNote error={error} retry={pages.reload} />}
      {!items && !error && <Skeleton lines={6} />}
      {items?.length === 0 &&
        (query || category ? (
          <Empty icon="search" title="Nothing found">
            <p>Fewer words find more.</p>
          </Empty>
        ) : (
          <Empty icon="templates" title="No templates yet">
            <p>
              Write one, or make one out of a conversation in <Link href="/history">History</Link>.
            </p>
          </Empty>
        ))}
      {items && items.length > 0 && (
        <ul aria-busy={pages.busy}>
          {items.map((one) => (
            <Row key={one.templateId} template={one} current={current} />
          ))}
        </ul>
      )}
      {more && (
        <button type="button" className="button more" disabled={loadingMore} onClick={more}>
          {loadingMore ? "Loading" : "Show more"}
        </button>
      )}
    </>
  );
}

function Row({ template, current }: { template: Template; current: string }) {
  const { templateId, title, category, description, body, updateTime } = template;
  return (
    <li>
      <Link href={templatePath(templateId)} aria-current={templateId === current ? "true" : undefined}>
        <span className="split-title">{title}</span>
        <span className="template-body cut">{description || body}</span>
        <span className="quiet numeric">
          {category && `${category} · `}
          {since(updateTime)}
        </span>
      </Link>
    </li>
  );
}
