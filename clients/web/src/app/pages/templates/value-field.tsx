/** A field for a variable's value, by its type. Values are text, in the notation of the contract. */
import { useId } from "react";
import { TemplateVariableType as Type } from "../../../gen/enhanced_prompt/v1/templates_pb";
import { useCatalogue } from "../../catalogue";
import { localInput, rfc3339 } from "../../ui/local";
import { labelOf, type Variable } from "./body";

export interface ValueFieldProps {
  variable: Variable;
  value: string;
  onChange: (value: string) => void;
  /** What the service says against it. */
  problem: string | undefined;
}

export function ValueField({ variable, value, onChange, problem }: ValueFieldProps) {
  const id = useId();
  const catalogue = useCatalogue();
  const zone = catalogue.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { name, type, required, description, defaultValue } = variable;
  const common = {
    id,
    className: "field",
    required,
    "aria-invalid": problem !== undefined,
    "aria-describedby": `${id}-more`,
  };
  const choices =
    type === Type.CHOICE
      ? variable.choices.map((one) => [one, one] as const)
      : type === Type.CAMERA
        ? [...catalogue.cameras.values()].map((one) => [one.id, one.name ? `${one.name} (${one.id})` : one.id] as const)
        : type === Type.BOOLEAN
          ? ([
              ["true", "Yes"],
              ["false", "No"],
            ] as const)
          : undefined;
  const known = choices === undefined || value === "" || choices.some(([one]) => one === value);
  return (
    <div className="labelled">
      <label htmlFor={id}>
        {labelOf(name)} {!required && <span className="quiet">optional</span>}
      </label>
      {choices ? (
        <select {...common} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{required ? "Choose" : defaultValue ? `As usual: ${defaultValue}` : "None"}</option>
          {choices.map(([one, words]) => (
            <option key={one} value={one}>
              {words}
            </option>
          ))}
          {!known && <option value={value}>{value}</option>}
        </select>
      ) : type === Type.TIME ? (
        <input
          {...common}
          type="datetime-local"
          value={localInput(value, zone)}
          onChange={(event) => onChange(rfc3339(event.target.value, zone))}
        />
      ) : type === Type.INTEGER || type === Type.NUMBER ? (
        <input
          {...common}
          type="number"
          step={type === Type.INTEGER ? 1 : "any"}
          value={value}
          placeholder={defaultValue}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : (
        <input
          {...common}
          maxLength={2000}
          value={value}
          placeholder={defaultValue}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <span id={`${id}-more`} className={problem ? "problem" : "quiet"}>
        {problem ?? [description, type === Type.TIME && zone.replaceAll("_", " ")].filter(Boolean).join(" · ")}
      </span>
    </div>
  );
}
