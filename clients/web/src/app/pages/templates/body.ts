/** A template's text and its variables, as the service reads them. */
import { type TemplateVariable, TemplateVariableType as Type } from "../../../gen/enhanced_prompt/v1/templates_pb";

const PLACE = /\{\{ *([A-Za-z][A-Za-z0-9_]{0,63}) *\}\}/g;

/** A part of a body: words, or the place of a variable. */
export interface Part {
  /** Where it begins. */
  at: number;
  text: string;
  /** Undefined for words. */
  name: string | undefined;
}

export function partsOf(body: string): Part[] {
  const found: Part[] = [];
  let at = 0;
  for (const match of body.matchAll(PLACE)) {
    if (match.index > at) found.push({ at, text: body.slice(at, match.index), name: undefined });
    found.push({ at: match.index, text: match[0], name: match[1] });
    at = match.index + match[0].length;
  }
  if (at < body.length) found.push({ at, text: body.slice(at), name: undefined });
  return found;
}

/** Names in the order in which they first occur. */
export function namesOf(body: string): string[] {
  return [...new Set(partsOf(body).flatMap((one) => one.name ?? []))];
}

/** Whether there are braces that are no place of a variable: the service refuses those. */
export function strayBraces(body: string): boolean {
  return partsOf(body).some((one) => one.name === undefined && one.text.includes("{{"));
}

/** What is said of a variable, without the message around it. */
export type Variable = Pick<
  TemplateVariable,
  "name" | "type" | "description" | "required" | "defaultValue" | "choices"
>;

export function newVariable(name: string): Variable {
  return { name, type: Type.TEXT, description: "", required: true, defaultValue: "", choices: [] };
}

/** The variables of a body in its order; what was said of each is kept, also while it is not in the body. */
export function variablesFor(body: string, known: readonly Variable[]): Variable[] {
  return namesOf(body).map((name) => known.find((one) => one.name === name) ?? newVariable(name));
}

/** Names of variables that still need a value before it can be rendered. */
export function missing(variables: readonly Variable[], values: Readonly<Record<string, string>>): string[] {
  return variables.filter((one) => one.required && !values[one.name]?.trim()).map((one) => one.name);
}

/** Values to send: what is empty is left to its default. */
export function given(
  variables: readonly Variable[],
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name } of variables) {
    const value = values[name];
    if (value !== undefined && value.trim() !== "") found[name] = value;
  }
  return found;
}

export const TYPES: readonly (readonly [Type, string])[] = [
  [Type.TEXT, "Text"],
  [Type.INTEGER, "Whole number"],
  [Type.NUMBER, "Number"],
  [Type.BOOLEAN, "Yes or no"],
  [Type.TIME, "Time"],
  [Type.CAMERA, "Camera"],
  [Type.CHOICE, "Choice"],
];

/** "camera_id" as a label. */
export function labelOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What of a template people write. */
export interface Draft {
  title: string;
  description: string;
  category: string;
  body: string;
  variables: Variable[];
}

export const EMPTY: Draft = { title: "", description: "", category: "", body: "", variables: [] };

/** The fields in which two differ, as the contract names them. */
export function differences(one: Draft, other: Draft): (keyof Draft)[] {
  return (["title", "description", "category", "body", "variables"] as const).filter((field) =>
    field === "variables"
      ? JSON.stringify(one.variables.map(plain)) !== JSON.stringify(other.variables.map(plain))
      : one[field] !== other[field],
  );
}

/** Without what a message carries besides. */
export function plain({ name, type, description, required, defaultValue, choices }: Variable): Variable {
  return { name, type: type || Type.TEXT, description, required, defaultValue, choices: [...choices] };
}
