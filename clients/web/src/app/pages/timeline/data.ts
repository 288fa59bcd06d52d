/** What the timeline shows of a site, asked for in one go. */
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { EnhancedPromptClient } from "../../../client";
import type { TimeRange } from "../../../gen/enhanced_prompt/v1/common_pb";
import { EventService } from "../../../gen/enhanced_prompt/v1/event_service_pb";
import { type Event, type EventGroup, EventGroupBy, EventOrder } from "../../../gen/enhanced_prompt/v1/events_pb";
import type { Bucket } from "../../ui/local";
import { localOf } from "../../ui/local";
import { bucketsOf, type Level, type Range } from "./range";

const MOST_GROUPS = 10_000;
const MOST_CAMERAS = 1000;
export const PAGE = 24;

export interface Coverage {
  /** Milliseconds, in order, disjoint. */
  recorded: [number, number][];
  /** From when to when the camera says what it did; undefined where it never did. */
  known: [number, number] | undefined;
}

export interface Lane {
  cameraId: string;
  /** Events by bucket, in the order of the buckets. */
  counts: number[];
  total: number;
  coverage: Coverage | undefined;
}

export interface TimelineData {
  range: Range;
  /** The last day with an event, in the site's zone. */
  newest: string;
  /** Up to when there can be anything: the later of the newest event and the newest coverage. */
  until: number;
  buckets: Bucket[];
  lanes: Lane[];
  /** Of all cameras, by bucket. */
  all: number[];
  total: number;
  /** Not all groups came. */
  truncated: boolean;
}

export interface Choice {
  /** Undefined for all cameras. */
  cameraId: string | undefined;
  /** The key of a bucket; undefined for the whole time. */
  key: string | undefined;
}

export interface Wanted {
  site: string;
  zone: string;
  level: Level;
  /** The last day to show; undefined for the newest. */
  last: string | undefined;
}

/** Undefined where the site has no event at all. */
export async function loadTimeline(
  client: EnhancedPromptClient,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<TimelineData | undefined> {
  const { site, zone, level } = wanted;
  const newest = await client.unary(
    EventService.method.listEvents,
    { filter: { sites: [site] }, order: EventOrder.NEWEST, pageSize: 1 },
    { signal },
  );
  const start = newest.events[0]?.startTime;
  if (!start) return undefined;
  const newestAt = timestampMs(start);
  const newestDay = localOf(newestAt, zone).date;
  const range = { level, last: wanted.last && wanted.last < newestDay ? wanted.last : newestDay };
  const buckets = bucketsOf(range, zone);
  const window = {
    startTime: timestampFromMs(buckets[0]?.start ?? 0),
    endTime: timestampFromMs(buckets.at(-1)?.end ?? 0),
  };
  const [counted, covered] = await Promise.all([
    client.unary(
      EventService.method.countEvents,
      {
        filter: { sites: [site], windows: [window] },
        groupBy: [EventGroupBy.CAMERA, level.by === "day" ? EventGroupBy.LOCAL_DATE : EventGroupBy.LOCAL_HOUR],
        limit: MOST_GROUPS,
      },
      { signal },
    ),
    client.unary(
      EventService.method.listCoverage,
      { timeRange: window, sites: [site], pageSize: MOST_CAMERAS },
      { signal },
    ),
  ]);
  const coverage = new Map(
    covered.cameras.map((one) => [
      one.cameraId,
      { recorded: one.recorded.map(pair), known: one.coverageKnownRange && pair(one.coverageKnownRange) },
    ]),
  );
  const until = Math.max(newestAt, ...[...coverage.values()].map((one) => one.known?.[1] ?? 0));
  const { lanes, all } = lanesOf(counted.groups, buckets, coverage);
  return {
    range,
    newest: newestDay,
    until,
    buckets,
    lanes,
    all,
    total: Number(counted.total?.matches ?? 0n),
    truncated: counted.truncated,
  };
}

/** A lane for each camera that saw something or could have, by camera id. */
export function lanesOf(
  groups: readonly Pick<EventGroup, "keys" | "matches">[],
  buckets: readonly Bucket[],
  coverage: ReadonlyMap<string, Coverage>,
): { lanes: Lane[]; all: number[] } {
  const place = new Map(buckets.map((one, index) => [one.key, index]));
  const all = buckets.map(() => 0);
  const lanes = new Map<string, Lane>();
  const laneOf = (cameraId: string): Lane => {
    let found = lanes.get(cameraId);
    if (!found) {
      found = { cameraId, counts: buckets.map(() => 0), total: 0, coverage: coverage.get(cameraId) };
      lanes.set(cameraId, found);
    }
    return found;
  };
  for (const cameraId of coverage.keys()) laneOf(cameraId);
  for (const { keys, matches } of groups) {
    const index = place.get(keys[1] ?? "");
    if (index === undefined) continue;
    const lane = laneOf(keys[0] ?? "");
    lane.counts[index] = (lane.counts[index] ?? 0) + Number(matches);
    lane.total += Number(matches);
    all[index] = (all[index] ?? 0) + Number(matches);
  }
  const sorted = [...lanes.values()].sort((one, other) => (one.cameraId < other.cameraId ? -1 : 1));
  return { lanes: sorted, all };
}

/** A page of events, oldest first within a chosen time. */
export async function loadEvents(
  client: EnhancedPromptClient,
  chosen: { site: string; cameraId: string | undefined; start: number; end: number },
  pageToken: string,
  signal: AbortSignal,
): Promise<{ events: Event[]; next: string }> {
  const page = await client.unary(
    EventService.method.listEvents,
    {
      filter: {
        sites: [chosen.site],
        cameras: chosen.cameraId ? [chosen.cameraId] : [],
        windows: [{ startTime: timestampFromMs(chosen.start), endTime: timestampFromMs(chosen.end) }],
      },
      order: EventOrder.NEWEST,
      pageSize: PAGE,
      pageToken,
    },
    { signal },
  );
  return { events: page.events, next: page.nextPageToken };
}

function pair(range: TimeRange): [number, number] {
  return [range.startTime ? timestampMs(range.startTime) : 0, range.endTime ? timestampMs(range.endTime) : 0];
}
