/** A template out of a conversation's questions, with the answers as examples where that is wanted. */
import { type FormEvent, useRef, useState } from "react";
import { type EnhancedPromptError, toError } from "../../../client";
import { TemplateService } from "../../../gen/enhanced_prompt/v1/template_service_pb";
import { templatePath } from "../../addresses";
import { useApp } from "../../context";
import { navigate } from "../../router";
import { Dialog } from "../../ui/dialog";
import { ErrorNote } from "../../ui/parts";

export function TemplateDialog({ conversationId, onClose }: { conversationId: string; onClose: () => void }) {
  const { client, toasts } = useApp();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<EnhancedPromptError>();
  const [title, setTitle] = useState("");
  const [category, setCategory] = useState("");
  const [answers, setAnswers] = useState(false);
  // The same while the dialog is open and says the same: a second click is no second template.
  const request = useRef({ of: "", id: "" });

  const create = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const wanted = { conversationId, title: title.trim(), category: category.trim(), includeAiResponses: answers };
    const of = JSON.stringify(wanted);
    if (request.current.of !== of) request.current = { of, id: crypto.randomUUID() };
    try {
      const made = await client.unary(TemplateService.method.createTemplateFromConversation, {
        ...wanted,
        requestId: request.current.id,
      });
      toasts.show(made.message || "The template was created.");
      navigate(templatePath(made.template?.templateId ?? ""));
    } catch (thrown) {
      setError(toError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Make a template" onClose={onClose}>
      <form className="sheet-form" onSubmit={create}>
        <p className="quiet">Its questions become one prompt, with cameras and times as variables.</p>
        <label className="labelled">
          Title
          <input
            className="field"
            maxLength={200}
            placeholder="Made from the questions"
            value={title}
            onChange={(event) => setTitle(event.target.value)}
          />
        </label>
        <label className="labelled">
          Category
          <input
            className="field"
            maxLength={64}
            placeholder="Found by itself"
            value={category}
            onChange={(event) => setCategory(event.target.value)}
          />
        </label>
        <label className="tick">
          <input type="checkbox" checked={answers} onChange={(event) => setAnswers(event.target.checked)} />
          Keep the answers in it, as examples
        </label>
        {error && <ErrorNote error={error} />}
        <div className="sheet-actions">
          <button type="button" className="button plain" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy}>
            Create template
          </button>
        </div>
      </form>
    </Dialog>
  );
}
