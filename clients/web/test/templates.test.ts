import { describe, expect, it } from "vitest";
import {
  differences,
  EMPTY,
  given,
  labelOf,
  missing,
  namesOf,
  newVariable,
  partsOf,
  strayBraces,
  variablesFor,
} from "../src/app/pages/templates/body";
import { instantOf, localInput, rfc3339 } from "../src/app/ui/local";
import { TemplateVariableType } from "../src/gen/enhanced_prompt/v1/templates_pb";

describe("a template's body", () => {
  it("is words and places of variables, in order, and together the whole", () => {
    const body = "at {{camera}} since {{ since }}, {{camera}}?";
    const parts = partsOf(body);
    expect(parts.map((one) => one.text).join("")).toBe(body);
    expect(parts.map((one) => one.name)).toEqual([
      undefined,
      "camera",
      undefined,
      "since",
      undefined,
      "camera",
      undefined,
    ]);
    expect(namesOf(body)).toEqual(["camera", "since"]);
    expect(partsOf("")).toEqual([]);
  });

  it("has no braces that are no variable", () => {
    expect(strayBraces("{{a}} {b} }}")).toBe(false);
    for (const body of ["{{", "{{ a b }}", "{{1st}}", "{{a}} {{"]) expect(strayBraces(body)).toBe(true);
  });

  it("gives its variables, with what was said of them before", () => {
    const known = [{ ...newVariable("camera"), type: TemplateVariableType.CAMERA }, newVariable("gone")];
    const found = variablesFor("{{day}} {{camera}}", known);
    expect(found.map((one) => one.name)).toEqual(["day", "camera"]);
    expect(found[1]?.type).toBe(TemplateVariableType.CAMERA);
    expect(found[0]?.required).toBe(true);
  });
});

describe("values", () => {
  const variables = [newVariable("camera"), { ...newVariable("most"), required: false, defaultValue: "5" }];

  it("are missing where they are required and empty", () => {
    expect(missing(variables, {})).toEqual(["camera"]);
    expect(missing(variables, { camera: "  " })).toEqual(["camera"]);
    expect(missing(variables, { camera: "cam-03" })).toEqual([]);
  });

  it("are sent as they are, empty and foreign ones left out", () => {
    expect(given(variables, { camera: " cam-03", most: "", other: "x" })).toEqual({ camera: " cam-03" });
  });

  it("have labels that people read", () => {
    expect(labelOf("camera_name")).toBe("Camera name");
  });
});

describe("times of a site", () => {
  it("are written with the offset of their zone, and read back", () => {
    expect(rfc3339("2018-03-15T14:00", "America/Indiana/Indianapolis")).toBe("2018-03-15T14:00:00-04:00");
    expect(rfc3339("2026-01-15T14:00", "Asia/Kolkata")).toBe("2026-01-15T14:00:00+05:30");
    expect(rfc3339("2026-07-01T00:00", "Europe/London")).toBe("2026-07-01T00:00:00+01:00");
    expect(rfc3339("", "Europe/London")).toBe("");
    for (const zone of ["Europe/London", "America/New_York", "Asia/Kolkata"]) {
      const local = "2026-07-01T23:45";
      expect(Date.parse(rfc3339(local, zone))).toBe(instantOf(local, zone));
      expect(localInput(rfc3339(local, zone), zone)).toBe(local);
    }
    expect(localInput("soon", "Europe/London")).toBe("");
  });
});

describe("two drafts", () => {
  it("differ in the fields that the contract names", () => {
    const mine = { ...EMPTY, title: "a", variables: [newVariable("x")] };
    expect(differences(mine, { ...mine })).toEqual([]);
    expect(differences(mine, { ...mine, title: "b", body: "c" })).toEqual(["title", "body"]);
    expect(differences(mine, { ...mine, variables: [{ ...newVariable("x"), required: false }] })).toEqual([
      "variables",
    ]);
    const untyped = { ...newVariable("x"), type: TemplateVariableType.UNSPECIFIED };
    expect(differences(mine, { ...mine, variables: [untyped] })).toEqual([]);
  });
});
