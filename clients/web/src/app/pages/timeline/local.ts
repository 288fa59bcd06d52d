/** Days and hours of a site's zone, and the instants that they are. Dates are "2018-03-15". */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The date and hour that clocks show: `hour` is "2018-03-15T14", as counts by local hour name it. */
export function localOf(at: number, zone: string): { date: string; hour: string } {
  const wall = new Date(wallOf(at, zone)).toISOString();
  return { date: wall.slice(0, 10), hour: wall.slice(0, 13) };
}

/** What clocks show, as if it were UTC, in milliseconds. */
function wallOf(at: number, zone: string): number {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The instant at which a day begins. */
export function midnight(date: string, zone: string): number {
  const wall = Date.parse(`${date}T00:00:00Z`);
  let at = wall;
  for (let round = 0; round < 2; round += 1) at = wall - (wallOf(at, zone) - at);
  return at;
}

/** So many days later, or earlier. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

/** Days from one date to another. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY);
}

/** A part of the time that is shown; `key` is the one that counts come with. */
export interface Bucket {
  key: string;
  /** Milliseconds since 1970, half-open. */
  start: number;
  end: number;
}

export function dayBuckets(first: string, days: number, zone: string): Bucket[] {
  return Array.from({ length: days }, (_, index) => {
    const date = addDays(first, index);
    return { key: date, start: midnight(date, zone), end: midnight(addDays(date, 1), zone) };
  });
}

/** An hour that clocks show twice is one bucket of two hours; one that they leave out is none. */
export function hourBuckets(first: string, days: number, zone: string): Bucket[] {
  const found: Bucket[] = [];
  const end = midnight(addDays(first, days), zone);
  for (let start = midnight(first, zone); start < end; start += HOUR) {
    const { hour } = localOf(start, zone);
    const last = found.at(-1);
    if (last?.key === hour) last.end = start + HOUR;
    else found.push({ key: hour, start, end: Math.min(start + HOUR, end) });
  }
  return found;
}
