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
  return instantOf(`${date}T00:00`, zone);
}

/** The instant at which clocks show "2018-03-15T14:00"; the first where they show it twice. */
export function instantOf(local: string, zone: string): number {
  const wall = Date.parse(`${local}Z`);
  // Twice: the first guess may lie on the other side of a change.
  let at = wall;
  for (let round = 0; round < 2; round += 1) at = wall - (wallOf(at, zone) - at);
  return at;
}

/** "2018-03-15T14:00" of a zone as RFC 3339 with that zone's offset; "" for what is no time. */
export function rfc3339(local: string, zone: string): string {
  if (Number.isNaN(Date.parse(`${local}Z`))) return "";
  const minutes = Math.round((Date.parse(`${local}Z`) - instantOf(local, zone)) / 60_000);
  const two = (value: number) => String(value).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return `${local.slice(0, 16)}:00${offset}`;
}

/** The way back: what clocks of a zone show then, "2018-03-15T14:00"; "" for what is no time. */
export function localInput(text: string, zone: string): string {
  const at = Date.parse(text);
  return Number.isNaN(at) ? "" : new Date(wallOf(at, zone)).toISOString().slice(0, 16);
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
