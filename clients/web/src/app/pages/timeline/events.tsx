/** The events of what is chosen in the timeline: cards with what was seen and where to watch it. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { useCallback, useEffect, useState } from "react";
import { type EnhancedPromptError, toError } from "../../../client";
import type { Event } from "../../../gen/enhanced_prompt/v1/events_pb";
import { useCatalogue } from "../../catalogue";
import { useApp } from "../../context";
import { clock, day, duration, percent, sentence, words } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { useLoaded } from "../../ui/loading";
import { Empty, ErrorNote, Skeleton } from "../../ui/parts";
import { clipTemplate, clipUrl } from "./clips";
import { loadEvents } from "./data";

export interface Chosen {
  site: string;
  cameraId: string | undefined;
  /** Milliseconds, half-open. */
  start: number;
  end: number;
}

/** Asked for again each `everyMs`, or never where that is 0. */
export function Events({ chosen, zone, everyMs }: { chosen: Chosen; zone: string; everyMs: number }) {
  const { client } = useApp();
  const { site, cameraId, start, end } = chosen;
  const load = useCallback(
    (signal: AbortSignal) => loadEvents(client, { site, cameraId, start, end }, "", signal),
    [client, site, cameraId, start, end],
  );
  const first = useLoaded(load, everyMs);
  const clips = useLoaded(useCallback((signal: AbortSignal) => clipTemplate(client, site, signal), [client, site]));
  const [more, setMore] = useState<{ events: Event[]; next: string }>();
  const [error, setError] = useState<EnhancedPromptError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (first.value) setMore(undefined);
    setError(undefined);
  }, [first.value]);

  const next = more ? more.next : first.value?.next;
  const goOn = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const page = await loadEvents(client, chosen, next ?? "", new AbortController().signal);
      setMore((was) => ({ events: [...(was?.events ?? []), ...page.events], next: page.next }));
    } catch (thrown) {
      setError(toError(thrown));
    } finally {
      setBusy(false);
    }
  };

  if (!first.value) {
    return first.error ? (
      <ErrorNote error={first.error} title="No events." retry={first.reload} />
    ) : (
      <Skeleton lines={4} />
    );
  }
  const events = [...first.value.events, ...(more?.events ?? [])];
  if (events.length === 0) {
    return (
      <Empty icon="timeline" title="No events">
        <p>Where the camera recorded, that means nothing happened.</p>
      </Empty>
    );
  }
  return (
    <>
      <ol className="event-cards" aria-label="Events" aria-busy={first.busy}>
        {events.map((one) => (
          <Card key={one.eventId} event={one} zone={zone} clip={clipUrl(one, clips.value ?? "")} />
        ))}
      </ol>
      {error && <ErrorNote error={error} />}
      {next && (
        <button type="button" className="button more" disabled={busy} onClick={goOn}>
          {busy ? "Loading" : "Show more"}
        </button>
      )}
    </>
  );
}

function Card({ event, zone, clip }: { event: Event; zone: string; clip: string }) {
  const catalogue = useCatalogue();
  const from = event.startTime && timestampMs(event.startTime);
  const to = event.endTime && timestampMs(event.endTime);
  const what = sentence(words(event.eventType));
  return (
    <li className="event-card">
      <div className="evidence-head">
        <time className="numeric" dateTime={from === undefined ? "" : new Date(from).toISOString()}>
          <span className="quiet">{day(from, zone)}</span> {clock(from, zone)}
        </time>
        <span className="cut" title={event.cameraId}>
          {catalogue.name(event.cameraId)}
        </span>
        {event.confidence !== undefined && (
          <span className="numeric quiet" title="How sure the detector was">
            {percent(event.confidence)}
          </span>
        )}
      </div>
      <p className="evidence-text">{event.description || what}</p>
      <div className="evidence-foot">
        {event.description && <span className="quiet">{what}</span>}
        {event.label && !event.eventType.includes(event.label) && <span className="quiet">{event.label}</span>}
        {event.participants > 1 && <span className="quiet">{event.participants} taking part</span>}
        {from !== undefined && to !== undefined && to > from && (
          <span className="quiet numeric">{duration(to - from)}</span>
        )}
        {clip && (
          <a href={clip} target="_blank" rel="noreferrer">
            <Icon name="clip" size={13} /> Clip
          </a>
        )}
        {!clip && event.snapshotUrl && (
          <a href={event.snapshotUrl} target="_blank" rel="noreferrer">
            <Icon name="camera" size={13} /> Still
          </a>
        )}
      </div>
    </li>
  );
}
