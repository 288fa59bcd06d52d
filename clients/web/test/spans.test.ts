import { describe, expect, it } from "vitest";
import { paragraphs, spans } from "../src/app/pages/ask/spans";

const cite = (eventId: string, start: number, end: number) => ({ eventId, start, end });

describe("spans", () => {
  it("are the whole text, in order, with what supports each", () => {
    const found = spans("abcdefgh", [cite("one", 2, 5), cite("two", 4, 6)]);
    expect(found.map((one) => one.text).join("")).toBe("abcdefgh");
    expect(found.map((one) => one.eventIds)).toEqual([[], ["one"], ["one", "two"], ["two"], []]);
  });

  it("count code points, not UTF-16 units", () => {
    const found = spans("a🚗b car", [cite("car", 1, 2)]);
    expect(found.find((one) => one.eventIds.length > 0)?.text).toBe("🚗");
  });

  it("leave out citations that lie outside of the text", () => {
    expect(spans("abc", [cite("one", 9, 12), cite("two", 2, 99)]).map((one) => one.text)).toEqual(["ab", "c"]);
  });
});

describe("paragraphs", () => {
  it("stay as they are when the text grows", () => {
    const long = Array.from({ length: 900 }, (_, index) => `word${index}`).join(" ");
    const before = paragraphs(`first\n${long}`);
    const after = paragraphs(`first\n${long} and more`);
    expect(before.length).toBeGreaterThan(2);
    expect(after.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
  });

  it("lose no words", () => {
    const long = Array.from({ length: 2000 }, (_, index) => `w${index}`).join(" ");
    expect(paragraphs(long).join(" ")).toBe(long);
  });
});
