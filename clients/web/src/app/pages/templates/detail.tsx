/** One template: fill it in and ask, change it, delete it. */
import { useCallback, useState } from "react";
import { isNotFound } from "../../../client";
import { TemplateService } from "../../../gen/enhanced_prompt/v1/template_service_pb";
import { historyPath } from "../../addresses";
import { useApp } from "../../context";
import { Link, navigate } from "../../router";
import { Confirm } from "../../ui/dialog";
import { since } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { useLoaded } from "../../ui/loading";
import { Empty, ErrorNote, Skeleton } from "../../ui/parts";
import { Editor } from "./editor";
import { Fill } from "./fill";

export function Detail(props: { id: string; categories: readonly string[]; onChanged: () => void }) {
  const { id, categories, onChanged } = props;
  const { client, toasts } = useApp();
  const [state, setState] = useState<"shown" | "editing" | "deleting">("shown");
  const load = useCallback(
    async (signal: AbortSignal) =>
      (await client.unary(TemplateService.method.getTemplate, { templateId: id }, { signal })).template,
    [client, id],
  );
  const { value: template, error, reload } = useLoaded(load);
  if (isNotFound(error)) {
    return (
      <Empty icon="templates" title="There is no such template">
        <p>Somebody may have deleted it.</p>
      </Empty>
    );
  }
  if (!template) {
    return error ? <ErrorNote error={error} title="No template." retry={reload} /> : <Skeleton lines={6} />;
  }
  if (state === "editing") {
    return (
      <Editor
        template={template}
        categories={categories}
        onCancel={() => setState("shown")}
        onSaved={() => {
          toasts.show("Saved.");
          setState("shown");
          reload();
          onChanged();
        }}
      />
    );
  }
  const remove = async () => {
    await client.unary(TemplateService.method.deleteTemplate, { templateId: id, etag: template.etag });
    toasts.show(`“${template.title}” was deleted.`);
    onChanged();
    navigate("/templates", { replace: true });
  };
  return (
    <article className="template">
      <header>
        <h2>{template.title}</h2>
        {template.description && <p>{template.description}</p>}
        <p className="quiet template-facts">
          {template.category && <span className="chip">{template.category}</span>}
          <span className="numeric">changed {since(template.updateTime)}</span>
          {template.userId && <span>by {template.userId}</span>}
          {template.sourceConversationId && (
            <Link href={historyPath(template.sourceConversationId)}>its conversation</Link>
          )}
        </p>
        <div className="past-actions">
          <button type="button" className="button" onClick={() => setState("editing")}>
            <Icon name="edit" size={14} /> Edit
          </button>
          <button type="button" className="button" onClick={() => setState("deleting")}>
            <Icon name="trash" size={14} /> Delete
          </button>
        </div>
      </header>
      {error && <ErrorNote error={error} retry={reload} />}
      <Fill key={template.etag} template={template} />
      {state === "deleting" && (
        <Confirm
          title="Delete this template?"
          action="Delete for good"
          onConfirm={remove}
          onClose={() => setState("shown")}
        >
          <p>“{template.title}”, for everybody here. This can’t be undone.</p>
        </Confirm>
      )}
    </article>
  );
}
