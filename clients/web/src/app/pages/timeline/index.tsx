/** Timeline: how many events each camera saw and when it looked, and the events behind each number. */
import "./timeline.css";
import { lazy, Suspense, useCallback } from "react";
import { type Catalogue, useCatalogue } from "../../catalogue";
import { useApp } from "../../context";
import { navigate, useQuery } from "../../router";
import { useEscape } from "../../shell/keys";
import { many, percent } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { useLoaded } from "../../ui/loading";
import { Empty, ErrorNote, PageHead, Segments, Skeleton } from "../../ui/parts";
import { type Choice, loadTimeline, type TimelineData } from "./data";
import { Events } from "./events";
import { LEVELS, type LevelName, levelOf, panned, type Range, zoomed } from "./range";
import { bucketWords, recordedWords } from "./words";

const Lanes = lazy(() => import("./lanes"));
const FRESH_MS = 30_000;

export default function TimelinePage() {
  const catalogue = useCatalogue();
  const query = useQuery();
  const sites = sitesOf(catalogue);
  const wanted = query.get("site") ?? "";
  const site = sites.includes(wanted) ? wanted : sites[0];
  return (
    <>
      <PageHead title="Timeline">
        {sites.length > 1 && (
          <select
            className="field site-choice"
            aria-label="Site"
            value={site}
            onChange={(event) => show({ site: event.target.value })}
          >
            {sites.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </PageHead>
      <div className="page-body">
        <div className="page-inner timeline">
          {site ? (
            <SiteTimeline key={site} site={site} zone={catalogue.zones.get(site) ?? catalogue.zone ?? "UTC"} />
          ) : catalogue.loaded ? (
            <Empty icon="camera" title="No cameras yet">
              <p>As soon as events are sent in, they stand here by camera and hour.</p>
            </Empty>
          ) : (
            <Skeleton lines={6} />
          )}
        </div>
      </div>
    </>
  );
}

function SiteTimeline({ site, zone }: { site: string; zone: string }) {
  const { client } = useApp();
  const catalogue = useCatalogue();
  const query = useQuery();
  const level = levelOf(query.get("span"));
  const last = query.get("last") ?? undefined;
  const load = useCallback(
    (signal: AbortSignal) => loadTimeline(client, { site, zone, level, last }, signal),
    [client, site, zone, level, last],
  );
  // What is over does not change; the newest does.
  const { value: data, error, busy, reload } = useLoaded(load, last === undefined ? FRESH_MS : 0);
  const choice: Choice = { cameraId: query.get("camera") ?? undefined, key: query.get("at") ?? undefined };
  const { cameraId } = choice;
  useEscape(useCallback(() => show({ camera: undefined, at: undefined }), []));

  const go = (range: Range, newest: string) =>
    show({ span: range.level.name, last: range.last === newest ? undefined : range.last, at: undefined });
  // What is asked for, which what is shown may not have come up with yet.
  const wanted: Range = { level, last: last ?? data?.newest ?? "" };
  const zoom = (direction: 1 | -1, key: string | undefined): boolean => {
    if (!data) return false;
    const to = zoomed(wanted, direction, key?.slice(0, 10) ?? wanted.last, data.newest);
    if (to) go(to, data.newest);
    return to !== undefined;
  };
  const pan = (steps: number) => data && go(panned(wanted, steps, data.newest), data.newest);

  if (!data) {
    if (error) return <ErrorNote error={error} title="No timeline." retry={reload} />;
    if (busy) return <Skeleton lines={8} />;
    return (
      <Empty icon="timeline" title="No events yet">
        <p>As soon as the site sends some, they stand here by camera and hour.</p>
      </Empty>
    );
  }
  const bucket = data.buckets.find((one) => one.key === choice.key);
  const ahead = data.range.last < data.newest;
  return (
    <>
      <div className="timeline-tools">
        <Segments
          label="How much of the time"
          value={level.name}
          choices={LEVELS.map((one) => [one.name, one.title] as const)}
          onChange={(name: LevelName) => {
            const at = LEVELS.indexOf(levelOf(name)) - LEVELS.indexOf(level);
            if (at !== 0) go(zoomedBy(wanted, at, choice.key, data.newest), data.newest);
          }}
        />
        <div className="timeline-move">
          <button type="button" className="button square back" aria-label="Earlier" onClick={() => pan(-1)}>
            <Icon name="chevron" />
          </button>
          <button type="button" className="button square" aria-label="Later" disabled={!ahead} onClick={() => pan(1)}>
            <Icon name="chevron" />
          </button>
          <button
            type="button"
            className="button"
            disabled={!ahead}
            onClick={() => show({ last: undefined, at: undefined })}
          >
            Newest
          </button>
        </div>
        <p className="quiet numeric timeline-span">{spanWords(data.range, zone)}</p>
      </div>
      {error && <ErrorNote error={error} title="This may be old." retry={reload} />}
      <section className="card timeline-chart" aria-label="Events by camera" aria-busy={busy}>
        <Suspense fallback={<div className="lanes-waiting" />}>
          <Lanes
            data={data}
            zone={zone}
            nameOf={(id) => catalogue.name(id)}
            choice={choice}
            onChoose={({ cameraId: camera, key: at }) => show({ camera, at })}
            onZoom={zoom}
            onPan={pan}
          />
        </Suspense>
        <p className="timeline-legend quiet">
          <span>
            <i data-kind="events" /> events {data.range.level.by === "day" ? "a day" : "an hour"}
          </span>
          <span>
            <i data-kind="off" /> not recorded
          </span>
          <span>
            <i data-kind="unknown" /> not known whether recorded
          </span>
          {data.truncated && <span>Not all cameras are counted here: there are too many.</span>}
          <span className="keys" aria-hidden="true">
            <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> choose, <kbd>+</kbd> <kbd>−</kbd> or the wheel zoom
          </span>
        </p>
      </section>
      <section aria-label="What happened" className="timeline-events">
        <header>
          <h2 aria-live="polite">{choiceWords(data, choice, catalogue, zone)}</h2>
          {(bucket || cameraId) && (
            <button type="button" className="button" onClick={() => show({ camera: undefined, at: undefined })}>
              <Icon name="close" size={13} /> Show all
            </button>
          )}
        </header>
        <Events
          chosen={{
            site,
            cameraId,
            start: bucket?.start ?? data.buckets[0]?.start ?? 0,
            end: bucket?.end ?? data.buckets.at(-1)?.end ?? 1,
          }}
          zone={zone}
          everyMs={last === undefined ? FRESH_MS : 0}
        />
      </section>
    </>
  );
}

/** Several levels at once, the chosen day in view. */
function zoomedBy(from: Range, steps: number, key: string | undefined, newest: string): Range {
  let range = from;
  for (let left = Math.abs(steps); left > 0; left -= 1) {
    const around = key?.slice(0, 10) ?? range.last;
    range = zoomed(range, steps > 0 ? 1 : -1, around, newest) ?? range;
  }
  return range;
}

function choiceWords(data: TimelineData, choice: Choice, catalogue: Catalogue, zone: string): string {
  const bucket = data.buckets.find((one) => one.key === choice.key);
  const index = bucket ? data.buckets.indexOf(bucket) : -1;
  const lane = data.lanes.find((one) => one.cameraId === choice.cameraId);
  const counts = lane ? lane.counts : data.all;
  const events =
    choice.cameraId !== undefined && !lane ? 0 : index < 0 ? (lane?.total ?? data.total) : (counts[index] ?? 0);
  const parts = [
    many(events, "event"),
    choice.cameraId === undefined ? "all cameras" : catalogue.name(choice.cameraId),
    bucket && bucketWords(bucket, zone),
  ];
  const recorded = bucket && lane && recordedWords(lane.coverage, bucket);
  if (recorded && recorded !== percent(1)) parts.push(`recorded: ${recorded}`);
  return parts.filter(Boolean).join(" · ");
}

const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

function spanWords(range: Range, zone: string): string {
  const first = new Date(`${range.last}T00:00:00Z`);
  first.setUTCDate(first.getUTCDate() + 1 - range.level.days);
  const days = DATE.formatRange(first, new Date(`${range.last}T00:00:00Z`));
  return `${days} · ${zone.replaceAll("_", " ")}`;
}

function sitesOf(catalogue: Catalogue): string[] {
  return [...new Set([...catalogue.zones.keys(), ...[...catalogue.cameras.values()].map((one) => one.site)])]
    .filter((site) => [...catalogue.cameras.values()].some((one) => one.site === site))
    .sort();
}

/** Change what the address says is shown; undefined takes a part out of it. */
function show(changes: Record<string, string | undefined>): void {
  const query = new URLSearchParams("site" in changes ? "" : location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  navigate(`${location.pathname}${text ? `?${text}` : ""}`, { replace: true });
}
