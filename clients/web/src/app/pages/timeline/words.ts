/** A bucket, and how much of it was recorded, as people read it. */
import { day, minutes, percent } from "../../ui/format";
import type { Bucket } from "../../ui/local";
import type { Coverage } from "./data";
import { share } from "./range";

/** "Fri 20 Nov, 14:00 to 15:00", or the day alone. */
export function bucketWords(bucket: Bucket, zone: string): string {
  if (bucket.key.length === 10) return day(bucket.start, zone);
  return `${day(bucket.start, zone)}, ${minutes(bucket.start, zone)} to ${minutes(bucket.end, zone)}`;
}

/** "80 %" of a bucket, or that it is not known. */
export function recordedWords(coverage: Coverage | undefined, bucket: Bucket): string {
  if (!coverage?.known) return "not known";
  const [from, to] = coverage.known;
  if (bucket.end <= from || bucket.start >= to) return "not known";
  const window = [Math.max(bucket.start, from), Math.min(bucket.end, to)] as const;
  return percent(share(window, coverage.recorded));
}
