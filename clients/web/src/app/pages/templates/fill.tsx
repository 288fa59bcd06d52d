/** Values into a template, what comes out of it, and asking that. */
import { useCallback, useDeferredValue, useState } from "react";
import { TemplateService } from "../../../gen/enhanced_prompt/v1/template_service_pb";
import type { Template } from "../../../gen/enhanced_prompt/v1/templates_pb";
import { safeStorage } from "../../../services";
import { questionPath } from "../../addresses";
import { useApp } from "../../context";
import { navigate } from "../../router";
import { count } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { useLoaded } from "../../ui/loading";
import { ErrorNote } from "../../ui/parts";
import { given, labelOf, missing, partsOf } from "./body";
import { ValueField } from "./value-field";

/** Where the Ask page keeps what was typed and not sent. */
const DRAFT = "eps.draft";
const LONGEST_QUESTION = 8000;

export function Fill({ template }: { template: Template }) {
  const { client } = useApp();
  const { templateId, variables, body, etag } = template;
  const [values, setValues] = useState<Record<string, string>>({});
  const open = missing(variables, values);
  const sent = useDeferredValue(JSON.stringify(given(variables, values)));
  const ready = open.length === 0;
  const load = useCallback(
    async (signal: AbortSignal) => {
      if (!ready) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 150));
      signal.throwIfAborted();
      const rendered = await client.unary(
        TemplateService.method.renderTemplate,
        { templateId, variables: JSON.parse(sent) },
        { signal },
      );
      return { prompt: rendered.prompt, etag: rendered.etag };
    },
    [client, templateId, sent, ready],
  );
  const { value, error, busy, reload } = useLoaded(load);
  const rendered = ready && !error ? value : undefined;
  const problems = new Map(
    (error?.fieldViolations ?? []).map((one) => [/^variables[[.]"?(\w+)/.exec(one.field)?.[1] ?? "", one.description]),
  );
  const unplaced = error && (problems.size === 0 || problems.has(""));
  const filled = (name: string) => values[name] || variables.find((one) => one.name === name)?.defaultValue || "";
  const usable = rendered !== undefined && !busy && rendered.prompt.length <= LONGEST_QUESTION;
  return (
    <div className="fill">
      {variables.length > 0 && (
        <section className="fill-values" aria-label="Values">
          {variables.map((one) => (
            <ValueField
              key={one.name}
              variable={one}
              value={values[one.name] ?? ""}
              problem={problems.get(one.name)}
              onChange={(to) => setValues((was) => ({ ...was, [one.name]: to }))}
            />
          ))}
        </section>
      )}
      <section className="fill-preview" aria-label="Preview">
        <h3>
          Preview
          {rendered && <span className="quiet numeric">{count(rendered.prompt.length)} characters</span>}
        </h3>
        <p className="preview" data-testid="preview" aria-busy={busy}>
          {rendered
            ? rendered.prompt
            : partsOf(body).map((part) =>
                part.name === undefined ? (
                  part.text
                ) : (
                  <span key={part.at} className="gap" data-filled={filled(part.name) !== ""}>
                    {filled(part.name) || labelOf(part.name)}
                  </span>
                ),
              )}
        </p>
        {unplaced && <ErrorNote error={error} retry={reload} />}
        {rendered && rendered.etag !== etag && (
          <p className="note">This template was changed meanwhile; the preview is of its newest form.</p>
        )}
        {rendered && rendered.prompt.length > LONGEST_QUESTION && (
          <p className="note">A question has at most {count(LONGEST_QUESTION)} characters.</p>
        )}
        <div className="fill-actions">
          <button
            type="button"
            className="button primary"
            disabled={!usable}
            onClick={() => rendered && navigate(questionPath(rendered.prompt))}
          >
            <Icon name="ask" size={14} /> Ask this
          </button>
          <button
            type="button"
            className="button"
            disabled={!usable}
            onClick={() => {
              safeStorage("sessionStorage")?.setItem(DRAFT, rendered?.prompt ?? "");
              navigate("/ask");
            }}
          >
            Change it first
          </button>
          {open.length > 0 && (
            <span className="quiet" role="status">
              Still needed: {open.map(labelOf).join(", ")}
            </span>
          )}
        </div>
      </section>
    </div>
  );
}
