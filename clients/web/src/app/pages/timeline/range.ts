/** How much of the time is shown: levels from 8 weeks to a day, and ways between them. */
import { addDays, type Bucket, dayBuckets, daysBetween, hourBuckets } from "../../ui/local";

export const LEVELS = [
  { name: "8w", title: "8 weeks", days: 56, by: "day" },
  { name: "4w", title: "4 weeks", days: 28, by: "day" },
  { name: "1w", title: "Week", days: 7, by: "hour" },
  { name: "3d", title: "3 days", days: 3, by: "hour" },
  { name: "1d", title: "Day", days: 1, by: "hour" },
] as const;

export type Level = (typeof LEVELS)[number];
export type LevelName = Level["name"];

/** Whole local days, `last` the newest of them. */
export interface Range {
  level: Level;
  last: string;
}

export function levelOf(name: string | null): Level {
  return LEVELS.find((one) => one.name === name) ?? LEVELS[2];
}

export function firstOf({ level, last }: Range): string {
  return addDays(last, 1 - level.days);
}

export function bucketsOf(range: Range, zone: string): Bucket[] {
  const cut = range.level.by === "day" ? dayBuckets : hourBuckets;
  return cut(firstOf(range), range.level.days, zone);
}

/**
 * The next level in (1) or out (-1); undefined where there is none. The day `around` keeps its
 * place on the screen, as far as `newest` (the last day with anything in it) lets it.
 */
export function zoomed(range: Range, direction: 1 | -1, around: string, newest: string): Range | undefined {
  const level = LEVELS[LEVELS.indexOf(range.level) + direction];
  if (!level) return undefined;
  const days = range.level.days;
  const share = days > 1 ? daysBetween(firstOf(range), around) / (days - 1) : 0.5;
  const before = Math.round(Math.min(1, Math.max(0, share)) * (level.days - 1));
  return { level, last: earlier(addDays(around, level.days - 1 - before), newest) };
}

/** The same length, so many times half of it later or earlier, at least a day; never beyond `newest`. */
export function panned(range: Range, steps: number, newest: string): Range {
  const step = Math.max(1, Math.floor(range.level.days / 2));
  return { level: range.level, last: earlier(addDays(range.last, steps * step), newest) };
}

function earlier(one: string, other: string): string {
  return one < other ? one : other;
}

/** A mark on the axis: 0 to 1 of the width. */
export interface Tick {
  at: number;
  start: number;
  /** Left out where there is little room. */
  minor: boolean;
  /** A day begins. */
  day: boolean;
}

/** Marks for people: each third hour of a day, days of a week, weeks of months. */
export function ticksOf(range: Range, buckets: readonly Bucket[]): Tick[] {
  const from = buckets[0]?.start ?? 0;
  const span = (buckets.at(-1)?.end ?? 1) - from;
  const found: Tick[] = [];
  const { days, by } = range.level;
  for (const { key, start } of buckets) {
    const hour = by === "hour" ? Number(key.slice(11)) : 0;
    const wanted =
      by === "day"
        ? new Date(`${key}T00:00:00Z`).getUTCDay() === 1
        : hour % (days === 1 ? 3 : days === 3 ? 12 : 24) === 0;
    if (!wanted) continue;
    const minor = days === 1 ? hour % 6 !== 0 : days === 3 ? hour !== 0 : days === 56 && found.length % 2 === 1;
    found.push({ at: (start - from) / span, start, minor, day: hour === 0 });
  }
  return found;
}

/** The spans of a window in which something else was the case: `window` without `spans` (sorted, disjoint). */
export function gaps(
  window: readonly [number, number],
  spans: readonly (readonly [number, number])[],
): [number, number][] {
  const found: [number, number][] = [];
  let at = window[0];
  for (const [start, end] of spans) {
    if (start > at) found.push([at, Math.min(start, window[1])]);
    at = Math.max(at, end);
    if (at >= window[1]) break;
  }
  if (at < window[1]) found.push([at, window[1]]);
  return found.filter(([start, end]) => end > start);
}

/** How much of a window the spans cover, 0 to 1. */
export function share(window: readonly [number, number], spans: readonly (readonly [number, number])[]): number {
  const [from, to] = window;
  let covered = 0;
  for (const [start, end] of spans) covered += Math.max(0, Math.min(end, to) - Math.max(start, from));
  return to > from ? covered / (to - from) : 0;
}
