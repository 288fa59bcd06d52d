/** Writing a template: its text, and what each variable in it is. */
import { type FormEvent, type ReactNode, useId, useRef, useState } from "react";
import { type EnhancedPromptError, toError } from "../../../client";
import { TemplateService } from "../../../gen/enhanced_prompt/v1/template_service_pb";
import { type Template, TemplateVariableType as Type } from "../../../gen/enhanced_prompt/v1/templates_pb";
import { useApp } from "../../context";
import { Icon } from "../../ui/icon";
import { ErrorNote } from "../../ui/parts";
import { type Draft, differences, EMPTY, plain, strayBraces, TYPES, type Variable, variablesFor } from "./body";

const CONFLICT = "ETAG_MISMATCH";
const FIELDS = ["title", "description", "category", "body", "variables"];

export interface EditorProps {
  /** Undefined for a new one. */
  template: Template | undefined;
  categories: readonly string[];
  onSaved: (template: Template) => void;
  onCancel: () => void;
}

export function Editor({ template, categories, onSaved, onCancel }: EditorProps) {
  const { client } = useApp();
  const [draft, setDraft] = useState<Draft>(template ? draftOf(template) : EMPTY);
  const [etag, setEtag] = useState(template?.etag ?? "");
  const [error, setError] = useState<EnhancedPromptError>();
  const [theirs, setTheirs] = useState<Template>();
  const [busy, setBusy] = useState(false);
  const request = useRef({ of: "", id: "" });
  const id = useId();
  const variables = variablesFor(draft.body, draft.variables);
  const change = (part: Partial<Draft>) => setDraft((was) => ({ ...was, ...part }));
  const vary = (name: string, part: Partial<Variable>) => {
    const all = new Map([...draft.variables, ...variables].map((one) => [one.name, one]));
    const one = all.get(name);
    if (one) all.set(name, { ...one, ...part });
    change({ variables: [...all.values()] });
  };

  const save = async (against: string) => {
    setBusy(true);
    setError(undefined);
    setTheirs(undefined);
    const { title, description, category, body } = draft;
    const wanted = {
      title: title.trim(),
      description,
      category: category.trim(),
      body,
      variables: variables.map(plain),
    };
    const of = JSON.stringify(wanted);
    if (request.current.of !== of) request.current = { of, id: crypto.randomUUID() };
    try {
      const { template: saved } = template
        ? await client.unary(TemplateService.method.updateTemplate, {
            template: { templateId: template.templateId, etag: against, ...wanted },
            updateMask: { paths: FIELDS },
          })
        : await client.unary(TemplateService.method.createTemplate, {
            template: wanted,
            requestId: request.current.id,
          });
      if (saved) onSaved(saved);
    } catch (thrown) {
      const failed = toError(thrown);
      setError(failed);
      if (failed.reason === CONFLICT && template) await look(template.templateId);
    } finally {
      setBusy(false);
    }
  };
  /** What stands there now. */
  const look = async (templateId: string) => {
    try {
      setTheirs((await client.unary(TemplateService.method.getTemplate, { templateId })).template);
    } catch (thrown) {
      setError(toError(thrown));
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save(etag);
  };
  const said = (field: string) =>
    error?.fieldViolations.find((one) => one.field.replace(/^template\./, "") === field)?.description;
  const placed = error?.fieldViolations.every((one) => SHOWN.has(one.field.replace(/^template\./, ""))) ?? false;
  return (
    <form className="editor" aria-label={template ? "Edit the template" : "A new template"} onSubmit={submit}>
      <div className="editor-row">
        <Labelled id={`${id}-title`} label="Title" problem={said("title")}>
          <input
            id={`${id}-title`}
            className="field"
            required
            maxLength={200}
            value={draft.title}
            onChange={(event) => change({ title: event.target.value })}
          />
        </Labelled>
        <Labelled id={`${id}-category`} label="Category" problem={said("category")}>
          <input
            id={`${id}-category`}
            className="field"
            maxLength={64}
            list={`${id}-categories`}
            value={draft.category}
            onChange={(event) => change({ category: event.target.value })}
          />
          <datalist id={`${id}-categories`}>
            {categories.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </Labelled>
      </div>
      <Labelled id={`${id}-description`} label="What it is for" problem={said("description")}>
        <input
          id={`${id}-description`}
          className="field"
          maxLength={2000}
          value={draft.description}
          onChange={(event) => change({ description: event.target.value })}
        />
      </Labelled>
      <Labelled
        id={`${id}-body`}
        label="Prompt"
        hint="A variable is a name in double braces: what happened at {{camera}} since {{time}}?"
        problem={
          said("body") ?? (strayBraces(draft.body) ? "There are braces without a name: write {{name}}." : undefined)
        }
      >
        <textarea
          id={`${id}-body`}
          className="field editor-body"
          required
          rows={7}
          maxLength={16_000}
          value={draft.body}
          onChange={(event) => change({ body: event.target.value })}
        />
      </Labelled>
      {variables.length > 0 && (
        <fieldset className="editor-variables">
          <legend>Variables</legend>
          {variables.map((one) => (
            <VariableRow key={one.name} variable={one} onChange={(part) => vary(one.name, part)} />
          ))}
        </fieldset>
      )}
      {theirs ? (
        <Conflict
          fields={differences(draftOf(theirs), { ...draft, variables })}
          theirs={theirs}
          onTheirs={() => {
            setDraft(draftOf(theirs));
            setEtag(theirs.etag);
            setTheirs(undefined);
            setError(undefined);
          }}
          onMine={() => {
            setEtag(theirs.etag);
            void save(theirs.etag);
          }}
        />
      ) : (
        error &&
        error.reason !== CONFLICT &&
        !(placed && error.fieldViolations.length > 0) && <ErrorNote error={error} />
      )}
      <div className="sheet-actions">
        <button type="button" className="button plain" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={busy}>
          {template ? "Save" : "Create template"}
        </button>
      </div>
    </form>
  );
}

const SHOWN = new Set(["title", "category", "description", "body"]);

function Labelled(props: {
  id: string;
  label: string;
  hint?: string;
  problem: string | undefined;
  children: ReactNode;
}) {
  return (
    <div className="labelled">
      <label htmlFor={props.id}>{props.label}</label>
      {props.children}
      {props.problem ? (
        <span className="problem" role="alert">
          {props.problem}
        </span>
      ) : (
        props.hint && <span className="quiet">{props.hint}</span>
      )}
    </div>
  );
}

function VariableRow({ variable, onChange }: { variable: Variable; onChange: (part: Partial<Variable>) => void }) {
  const { name, type, description, required, defaultValue, choices } = variable;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset within a fieldset is read out twice
    <div className="variable" role="group" aria-label={name}>
      <code className="mono">{name}</code>
      <select
        className="field"
        aria-label={`Type of ${name}`}
        value={type || Type.TEXT}
        onChange={(event) => onChange({ type: Number(event.target.value) })}
      >
        {TYPES.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
      <input
        className="field"
        aria-label={`What ${name} is`}
        placeholder="What it is"
        maxLength={500}
        value={description}
        onChange={(event) => onChange({ description: event.target.value })}
      />
      <input
        className="field"
        aria-label={`Default of ${name}`}
        placeholder={required ? "Asked for each time" : "Default"}
        maxLength={2000}
        disabled={required}
        value={required ? "" : defaultValue}
        onChange={(event) => onChange({ defaultValue: event.target.value })}
      />
      <label className="tick">
        <input
          type="checkbox"
          checked={required}
          onChange={(event) =>
            onChange({ required: event.target.checked, ...(event.target.checked ? { defaultValue: "" } : {}) })
          }
        />
        Required
      </label>
      {type === Type.CHOICE && (
        <textarea
          className="field choices"
          aria-label={`Choices of ${name}, one a line`}
          placeholder="Choices, one a line"
          rows={3}
          defaultValue={choices.join("\n")}
          onChange={(event) =>
            onChange({
              choices: [
                ...new Set(
                  event.target.value
                    .split("\n")
                    .map((one) => one.trim())
                    .filter(Boolean),
                ),
              ],
            })
          }
        />
      )}
    </div>
  );
}

function Conflict(props: { fields: readonly string[]; theirs: Template; onTheirs: () => void; onMine: () => void }) {
  const { fields, theirs } = props;
  return (
    <div className="note bad conflict" role="alert">
      <Icon name="warning" />
      <div>
        <strong>Somebody changed this template meanwhile.</strong>{" "}
        {fields.length > 0 ? `Theirs differs from yours in: ${fields.join(", ")}.` : "It now says the same as yours."}
        {fields.includes("body") && <p className="mono conflict-body">{theirs.body}</p>}
        <div className="fill-actions">
          <button type="button" className="button" onClick={props.onTheirs}>
            Take theirs
          </button>
          <button type="button" className="button" onClick={props.onMine}>
            Save mine over it
          </button>
        </div>
      </div>
    </div>
  );
}

function draftOf({ title, description, category, body, variables }: Template): Draft {
  return { title, description, category, body, variables: variables.map(plain) };
}
