import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { clipUrl } from "../src/app/pages/timeline/clips";
import { lanesOf } from "../src/app/pages/timeline/data";
import { moveOf, type Shown } from "../src/app/pages/timeline/keys";
import {
  bucketsOf,
  firstOf,
  gaps,
  LEVELS,
  levelOf,
  panned,
  type Range,
  share,
  ticksOf,
  zoomed,
} from "../src/app/pages/timeline/range";
import { recordedWords } from "../src/app/pages/timeline/words";
import { addDays, dayBuckets, daysBetween, hourBuckets, localOf, midnight } from "../src/app/ui/local";

const LONDON = "Europe/London";
const NEW_YORK = "America/New_York";
const week = (last: string): Range => ({ level: levelOf("1w"), last });

describe("local time", () => {
  it("is that of the site, also where its day is another", () => {
    expect(localOf(Date.parse("2026-11-20T03:30:00Z"), NEW_YORK)).toEqual({
      date: "2026-11-19",
      hour: "2026-11-19T22",
    });
    expect(midnight("2026-11-20", NEW_YORK)).toBe(Date.parse("2026-11-20T05:00:00Z"));
    expect(midnight("2026-07-01", LONDON)).toBe(Date.parse("2026-06-30T23:00:00Z"));
    expect(midnight("2026-11-20", "Asia/Kolkata")).toBe(Date.parse("2026-11-19T18:30:00Z"));
  });

  it("counts days over the ends of months and years", () => {
    expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
    expect(addDays("2028-03-01", -1)).toBe("2028-02-29");
    expect(daysBetween("2026-02-27", "2026-03-02")).toBe(3);
  });
});

describe("buckets", () => {
  it("of an ordinary day are its 24 hours, named as counts name them", () => {
    const found = hourBuckets("2026-11-20", 1, LONDON);
    expect(found).toHaveLength(24);
    expect(found[14]).toEqual({
      key: "2026-11-20T14",
      start: Date.parse("2026-11-20T14:00:00Z"),
      end: Date.parse("2026-11-20T15:00:00Z"),
    });
  });

  it("have one of two hours where clocks go back, and none where they go forward", () => {
    const back = hourBuckets("2026-10-25", 1, LONDON);
    expect(back).toHaveLength(24);
    const twice = back.filter((one) => one.end - one.start === 2 * 3_600_000);
    expect(twice.map((one) => one.key)).toEqual(["2026-10-25T01"]);
    const forward = hourBuckets("2026-03-29", 1, LONDON);
    expect(forward).toHaveLength(23);
    expect(forward.map((one) => one.key)).not.toContain("2026-03-29T01");
  });

  it("touch each other, days of 23 and 25 hours included", () => {
    for (const found of [dayBuckets("2026-10-20", 10, LONDON), hourBuckets("2026-03-27", 4, NEW_YORK)]) {
      for (let index = 1; index < found.length; index += 1) expect(found[index]?.start).toBe(found[index - 1]?.end);
    }
    const change = dayBuckets("2026-10-25", 1, LONDON)[0];
    expect((change?.end ?? 0) - (change?.start ?? 0)).toBe(25 * 3_600_000);
  });
});

describe("zooming", () => {
  it("goes from 8 weeks of days to a day of hours, and no further", () => {
    let range: Range = { level: levelOf("8w"), last: "2026-11-20" };
    const names = [range.level.name];
    for (let next = zoomed(range, 1, "2026-11-20", "2026-11-20"); next; ) {
      range = next;
      names.push(range.level.name);
      next = zoomed(range, 1, "2026-11-20", "2026-11-20");
    }
    expect(names).toEqual(LEVELS.map((one) => one.name));
    expect(range.last).toBe("2026-11-20");
    expect(bucketsOf(range, LONDON)).toHaveLength(24);
    expect(bucketsOf({ level: levelOf("8w"), last: "2026-11-20" }, LONDON)).toHaveLength(56);
    expect(zoomed({ level: levelOf("8w"), last: "2026-11-20" }, -1, "2026-11-20", "2026-11-20")).toBeUndefined();
  });

  it("keeps the day that it is about in view, and at its place", () => {
    for (const around of ["2026-11-14", "2026-11-17", "2026-11-20"]) {
      const found = zoomed(week("2026-11-20"), 1, around, "2026-11-20");
      expect(found?.level.name).toBe("3d");
      expect(found && firstOf(found) <= around && around <= found.last).toBe(true);
    }
    expect(zoomed(week("2026-11-20"), 1, "2026-11-14", "2026-11-20")?.last).toBe("2026-11-16");
    expect(zoomed(week("2026-11-20"), 1, "2026-11-17", "2026-11-20")?.last).toBe("2026-11-18");
  });

  it("never shows days after the newest", () => {
    expect(zoomed(week("2026-11-10"), -1, "2026-11-04", "2026-11-12")?.last).toBe("2026-11-12");
    expect(panned(week("2026-11-18"), 5, "2026-11-20").last).toBe("2026-11-20");
    expect(panned(week("2026-11-18"), -1, "2026-11-20").last).toBe("2026-11-15");
    expect(panned({ level: levelOf("1d"), last: "2026-11-18" }, -1, "2026-11-20").last).toBe("2026-11-17");
  });

  it("takes an unknown level in an address for a week", () => {
    expect(levelOf("century").name).toBe("1w");
    expect(levelOf(null).name).toBe("1w");
  });
});

describe("the axis", () => {
  it("marks the hours of a day, the days of a week and the weeks of months", () => {
    const ticks = (level: string) => {
      const range = { level: levelOf(level), last: "2026-11-20" };
      return ticksOf(range, bucketsOf(range, LONDON));
    };
    expect(ticks("1d").map((one) => localOf(one.start, LONDON).hour.slice(11))).toEqual([
      "00",
      "03",
      "06",
      "09",
      "12",
      "15",
      "18",
      "21",
    ]);
    expect(ticks("1w")).toHaveLength(7);
    expect(ticks("1w").every((one) => one.day)).toBe(true);
    expect(ticks("8w").map((one) => new Date(localOf(one.start, LONDON).date).getUTCDay())).toEqual(Array(8).fill(1));
    expect(ticks("1w")[1]?.at).toBeCloseTo(1 / 7);
  });
});

describe("coverage", () => {
  it("leaves gaps between its spans, and before and after them", () => {
    expect(
      gaps(
        [0, 100],
        [
          [10, 20],
          [50, 70],
        ],
      ),
    ).toEqual([
      [0, 10],
      [20, 50],
      [70, 100],
    ]);
    expect(gaps([0, 100], [[-10, 200]])).toEqual([]);
    expect(gaps([0, 100], [])).toEqual([[0, 100]]);
    expect(gaps([0, 100], [[120, 130]])).toEqual([[0, 100]]);
    expect(gaps([50, 50], [])).toEqual([]);
  });

  it("is a share of a bucket, of what the camera spoke about at all", () => {
    expect(
      share(
        [0, 100],
        [
          [10, 20],
          [90, 200],
        ],
      ),
    ).toBeCloseTo(0.2);
    const bucket = { key: "2026-11-20T14", start: 0, end: 100 };
    expect(recordedWords(undefined, bucket)).toBe("not known");
    expect(recordedWords({ recorded: [], known: undefined }, bucket)).toBe("not known");
    expect(recordedWords({ recorded: [], known: [200, 300] }, bucket)).toBe("not known");
    expect(recordedWords({ recorded: [[0, 50]], known: [0, 50] }, bucket)).toBe("100 %");
    expect(recordedWords({ recorded: [[0, 25]], known: [0, 300] }, bucket)).toBe("25 %");
  });
});

describe("lanes", () => {
  it("hold the counts of each camera by bucket, and cameras that saw nothing", () => {
    const buckets = hourBuckets("2026-11-20", 1, LONDON);
    const quiet = { recorded: [], known: undefined };
    const { lanes, all } = lanesOf(
      [
        { keys: ["cam-02", "2026-11-20T14"], matches: 3n },
        { keys: ["cam-01", "2026-11-20T14"], matches: 2n },
        { keys: ["cam-01", "2026-11-20T15"], matches: 1n },
        { keys: ["cam-01", "1999-01-01T00"], matches: 9n },
      ],
      buckets,
      new Map([["cam-03", quiet]]),
    );
    expect(lanes.map((one) => [one.cameraId, one.total])).toEqual([
      ["cam-01", 3],
      ["cam-02", 3],
      ["cam-03", 0],
    ]);
    expect(lanes[0]?.counts[14]).toBe(2);
    expect([all[13], all[14], all[15]]).toEqual([0, 5, 1]);
    expect(lanes[2]?.coverage).toBe(quiet);
  });
});

describe("clips", () => {
  const event = (clipUrl: string) => ({
    clipUrl,
    eventId: "a b/1",
    cameraId: "cam-01",
    startTime: timestampFromMs(0),
    endTime: timestampFromMs(1500),
  });

  it("are those of the event, else where the template of its site says", () => {
    expect(clipUrl(event("http://own/clip"), "http://site/{event_id}")).toBe("http://own/clip");
    expect(clipUrl(event(""), "")).toBe("");
    expect(clipUrl(event(""), "http://site/{camera_id}/{event_id}?from={start}&to={end}")).toBe(
      "http://site/cam-01/a%20b%2F1?from=1970-01-01T00%3A00%3A00.000Z&to=1970-01-01T00%3A00%3A01.500Z",
    );
    expect(clipUrl({ ...event(""), eventId: "{start}" }, "http://site/{event_id}")).toBe("http://site/%7Bstart%7D");
  });
});

describe("keys", () => {
  const shown = (cameraId?: string, key?: string): Shown => ({
    buckets: ["a", "b", "c"],
    cameras: [undefined, "cam-01", "cam-02"],
    choice: { cameraId, key },
    start: 1,
  });

  it("begin at the last bucket with anything in it, and walk to both ends", () => {
    expect(moveOf("ArrowLeft", false, shown())).toEqual({ choose: { cameraId: undefined, key: "b" } });
    expect(moveOf("ArrowRight", false, shown("cam-01", "b"))).toEqual({ choose: { cameraId: "cam-01", key: "c" } });
    expect(moveOf("ArrowRight", false, shown("cam-01", "c"))).toEqual({ choose: { cameraId: "cam-01", key: "c" } });
    expect(moveOf("Home", false, shown())).toEqual({ choose: { cameraId: undefined, key: "a" } });
  });

  it("walk from camera to camera, all of them first", () => {
    expect(moveOf("ArrowDown", false, shown(undefined, "b"))).toEqual({ choose: { cameraId: "cam-01", key: "b" } });
    expect(moveOf("ArrowUp", false, shown("cam-01", "b"))).toEqual({ choose: { cameraId: undefined, key: "b" } });
    expect(moveOf("ArrowDown", false, shown("cam-02"))).toEqual({ choose: { cameraId: "cam-02", key: undefined } });
  });

  it("zoom and move in time, and leave others alone", () => {
    expect(moveOf("+", true, shown())).toEqual({ zoom: 1 });
    expect(moveOf("-", false, shown())).toEqual({ zoom: -1 });
    expect(moveOf("ArrowLeft", true, shown())).toEqual({ pan: -1 });
    expect(moveOf("PageDown", false, shown())).toEqual({ pan: 1 });
    expect(moveOf("/", false, shown())).toBeUndefined();
    expect(moveOf("Tab", false, shown())).toBeUndefined();
  });
});
