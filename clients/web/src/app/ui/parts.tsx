/** Small parts that every page is made of. */
import type { ReactNode } from "react";
import type { EnhancedPromptError } from "../../client";
import type { SeverityName } from "../../services";
import { Link } from "../router";
import { Icon, type IconName } from "./icon";

/** What stands where nothing is, and what to do about it. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} size={24} />
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** An error that concerns a part of the page; with a way to try again where that makes sense. */
export function ErrorNote({ error, title, retry }: { error: EnhancedPromptError; title?: string; retry?: () => void }) {
  return (
    <div className="note bad" role="alert">
      <Icon name="warning" />
      <div>
        {title && <strong>{title} </strong>}
        {error.message}
        {error.fieldViolations.map((one) => (
          <div key={one.field}>
            <span className="mono">{one.field}</span>: {one.description}
          </div>
        ))}
        {error.metadata.incident_id && (
          <div className="quiet">
            Incident <span className="mono">{error.metadata.incident_id}</span>
          </div>
        )}
      </div>
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The way from one thing to the list of all, where there is no room for both. */
export function BackTo({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link className="button plain only-narrow back-to" href={href}>
      <Icon name="back" size={14} />
      {children}
    </Link>
  );
}

/** Lines where text will be. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div role="status" aria-label="Loading" style={{ display: "grid", gap: 10 }}>
      {Array.from({ length: lines }, (_, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
          key={index}
          className="skeleton"
          style={{ width: `${[92, 78, 85, 60][index % 4]}%` }}
        />
      ))}
    </div>
  );
}

export function Severity({ name }: { name: SeverityName }) {
  return (
    <span className="chip" data-severity={name}>
      {name}
    </span>
  );
}

/** A choice of one, as buttons side by side. */
export function Segments<Value extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: Value;
  choices: readonly (readonly [Value, string])[];
  onChange: (value: Value) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out as a row everywhere
    <div className="segments" role="group" aria-label={label}>
      {choices.map(([one, words]) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => onChange(one)}>
          {words}
        </button>
      ))}
    </div>
  );
}

/** The top of a page: its title, and what one can do. */
export function PageHead({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <h1 className="cut">{title}</h1>
      {children}
    </header>
  );
}

/** What may be wider than the page: it scrolls by itself, by keys as well. */
export function Scrolled({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: so that keys can scroll it
    <section className="scrolled" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
