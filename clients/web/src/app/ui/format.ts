/** Numbers, times and names as people read them. Times are in the site's zone where one is known. */
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone}|${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { ...options, ...(zone ? { timeZone: zone } : {}) });
    formats.set(key, found);
  }
  return found;
}

type When = Date | Timestamp | number | undefined;

export function dateOf(when: When): Date | undefined {
  if (when === undefined || when instanceof Date) return when;
  return typeof when === "number" ? new Date(when) : timestampDate(when);
}

/** "14:03:09" */
export function clock(when: When, zone?: string): string {
  const at = dateOf(when);
  return at ? format(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(at) : "";
}

/** "14:03" */
export function minutes(when: When, zone?: string): string {
  const at = dateOf(when);
  return at ? format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at) : "";
}

/** "Fri 20 Nov" */
export function day(when: When, zone?: string): string {
  const at = dateOf(when);
  return at ? format(zone, { weekday: "short", day: "numeric", month: "short" }).format(at).replace(",", "") : "";
}

/** "Fri 20 Nov, 14:03" */
export function dayAndTime(when: When, zone?: string): string {
  const at = dateOf(when);
  return at ? `${day(at, zone)}, ${minutes(at, zone)}` : "";
}

/** "now", "4 min ago", "3 h ago", then the day and time. */
export function since(when: When, now = Date.now(), zone?: string): string {
  const at = dateOf(when);
  if (!at) return "";
  const seconds = (now - at.getTime()) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 12 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return dayAndTime(at, zone);
}

/** "840 ms", "1.2 s", "2 min" */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** "1,843"; large ones as "1.2 M". */
export function count(value: number | bigint): string {
  const number = Number(value);
  if (Math.abs(number) >= 1e6) return `${(number / 1e6).toFixed(1)} M`;
  return number.toLocaleString("en-GB", { maximumFractionDigits: Math.abs(number) < 10 ? 1 : 0 });
}

/** "1 turn", "2,345 turns" */
export function many(number: number | bigint, one: string): string {
  return `${count(number)} ${Number(number) === 1 ? one : `${one}s`}`;
}

/** "42 %" of a share from 0 to 1. */
export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** "512 MB" */
export function bytes(value: number): string {
  return value >= 1e9 ? `${(value / 1e9).toFixed(1)} GB` : `${Math.round(value / 1e6)} MB`;
}

/** "person_enters_facility" as words. */
export function words(name: string): string {
  return name.replace(/[_-]+/g, " ");
}

/** The first letter large. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
