import { readFileSync } from "node:fs";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { SEVERITY_COLOURS } from "../src/app/pages/dashboard/colours";
import {
  type Answered,
  begun,
  byHourOfDay,
  bySeverity,
  confidenceBuckets,
  faster,
  merged,
  more,
  points,
  relative,
} from "../src/app/pages/dashboard/numbers";

const one = (id: string, at: number): Answered => ({ id, at, query: "", processingMs: 1, confidence: 1, evidence: 0 });

describe("confidence", () => {
  it("falls into three buckets, the upper end in each", () => {
    const found = confidenceBuckets([0, 0.3, 0.300001, 0.7, 0.71, 1, 1.2]);
    expect(found.map((bucket) => bucket.value)).toEqual([2, 2, 3]);
    expect(found.map((bucket) => bucket.range)).toEqual(["0–0.3", "0.3–0.7", "0.7–1.0"]);
  });
});

describe("hours of the day", () => {
  it("sum all days, in the reader's zone, and are there without a response too", () => {
    const hour = 3_600_000;
    const point = (start: number, responses: bigint) =>
      ({ timeRange: { startTime: timestampFromMs(start * hour) }, totals: { responses } }) as never;
    const found = byHourOfDay([point(5, 2n), point(29, 3n), point(6, 1n)], (at) => (at / hour) % 24);
    expect(found).toHaveLength(24);
    expect(found[5]).toEqual({ hour: "05:00", count: 5 });
    expect(found[6]?.count).toBe(1);
    expect(found[7]?.count).toBe(0);
  });
});

describe("severities", () => {
  it("are all four, in order, counted", () => {
    expect(bySeverity(["high", "low", "high"])).toEqual([
      { severity: "low", count: 1 },
      { severity: "medium", count: 0 },
      { severity: "high", count: 2 },
      { severity: "critical", count: 0 },
    ]);
  });

  it("stand out from the ground of both themes by 3 to 1, as the tokens say what that is", () => {
    const tokens = readFileSync("src/app/styles/tokens.css", "utf8");
    const grounds = [...tokens.matchAll(/--surface: (#\w{6})/g)].map((found) => found[1] ?? "");
    const [light = "", dark = ""] = grounds;
    expect(luminance(light)).toBeGreaterThan(luminance(dark));
    for (const colours of Object.values(SEVERITY_COLOURS)) {
      expect(contrast(colours.light, light)).toBeGreaterThanOrEqual(3);
      expect(contrast(colours.dark, dark)).toBeGreaterThanOrEqual(3);
    }
  });
});

describe("trends", () => {
  it("are percent of what was, and say where nothing was", () => {
    expect(relative(112, 100)).toEqual({ text: "+12 %", direction: "up", better: undefined });
    expect(relative(75, 100)?.text).toBe("−25 %");
    expect(relative(100, 100)?.text).toBe("as before");
    expect(relative(5, 0)?.text).toBe("none before");
    expect(relative(0, 0)).toBeUndefined();
  });

  it("call more confidence and less time better", () => {
    expect(points(0.85, 0.82)).toEqual({ text: "+3.0 points", direction: "up", better: true });
    expect(points(0.5, 0.82)?.better).toBe(false);
    expect(points(0.5, undefined)).toBeUndefined();
    expect(faster(120, 170)).toEqual({ text: "−50 ms", direction: "down", better: true });
    expect(faster(170, 120)).toEqual({ text: "+50 ms", direction: "up", better: false });
  });

  it("count what began, from one instant to another", () => {
    const at = (ms: number) => ({ createTime: timestampFromMs(ms) });
    expect(begun([at(5), at(10), at(15), { createTime: undefined } as never], 5, 15)).toBe(2);
    expect(more(4, 2)).toEqual({ text: "+2 begun", direction: "up", better: undefined });
  });
});

describe("responses that came before", () => {
  it("are kept once each, newest first, as long as they belong to the period", () => {
    const kept = [one("b", 20), one("a", 10)];
    expect(merged([one("c", 30), one("b", 20)], kept, 15, 10).map((found) => found.id)).toEqual(["c", "b"]);
    expect(merged([one("c", 30)], kept, 0, 2).map((found) => found.id)).toEqual(["c", "b"]);
  });
});

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG 2's contrast ratio. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}
