/** What an answer or an insight rests on: one row an event, lit when a text points at it. */
import { memo, useEffect, useState } from "react";
import type { Evidence } from "../../gen/enhanced_prompt/v1/answers_pb";
import { useCatalogue } from "../catalogue";
import { clock, count, day, percent, words } from "./format";
import { Icon } from "./icon";

export interface EvidenceListProps {
  /** Of the list, unique in the page. */
  id: string;
  evidence: readonly Evidence[];
  total: number;
  zone: string | undefined;
  active: readonly string[];
  onActive: (eventIds: readonly string[]) => void;
  /** An event to lead to; a new object each time. */
  shown?: { eventId: string } | undefined;
}

const FIRST = 6;

/** The id of an evidence row, for links within the page. */
export function rowId(list: string, eventId: string): string {
  return `evidence-${list}-${eventId}`;
}

export const EvidenceList = memo(function EvidenceList({
  id,
  evidence,
  total,
  zone,
  active,
  onActive,
  shown,
}: EvidenceListProps) {
  const [all, setAll] = useState(false);
  const listed = all ? evidence : evidence.slice(0, FIRST);
  useEffect(() => {
    if (!shown) return;
    const row = document.getElementById(rowId(id, shown.eventId));
    if (!row) {
      if (!all) setAll(true); // and comes back when it is there
      return;
    }
    row.scrollIntoView({ block: "nearest", behavior: "smooth" });
    row.focus({ preventScroll: true });
  }, [shown, id, all]);
  return (
    <section className="evidence" aria-label="Evidence">
      <h3>
        Evidence
        <span className="quiet numeric">
          {total > evidence.length ? `${count(evidence.length)} of ${count(total)}` : count(evidence.length)}
        </span>
      </h3>
      <ol>
        {listed.map((one) => (
          <Row
            key={one.eventId}
            id={id}
            item={one}
            zone={zone}
            lit={active.includes(one.eventId)}
            onActive={onActive}
          />
        ))}
      </ol>
      {listed.length < evidence.length && (
        <button type="button" className="link" onClick={() => setAll(true)}>
          Show {evidence.length - listed.length} more
        </button>
      )}
    </section>
  );
});

interface RowProps {
  id: string;
  item: Evidence;
  zone: string | undefined;
  lit: boolean;
  onActive: EvidenceListProps["onActive"];
}

function Row({ id, item, zone, lit, onActive }: RowProps) {
  const catalogue = useCatalogue();
  const at = zone || catalogue.zoneOf(item.cameraId);
  const what =
    item.label && !item.eventType.includes(item.label)
      ? `${item.label}, ${words(item.eventType)}`
      : words(item.eventType);
  return (
    <li
      id={rowId(id, item.eventId)}
      tabIndex={-1}
      data-lit={lit}
      onMouseEnter={() => onActive([item.eventId])}
      onMouseLeave={() => onActive([])}
      onFocus={() => onActive([item.eventId])}
      onBlur={() => onActive([])}
    >
      <div className="evidence-head">
        <time
          className="numeric"
          dateTime={item.timestamp ? new Date(Number(item.timestamp.seconds) * 1000).toISOString() : ""}
        >
          <span className="quiet">{day(item.timestamp, at)}</span> {clock(item.timestamp, at)}
        </time>
        <span className="cut" title={item.cameraId}>
          {catalogue.name(item.cameraId)}
        </span>
        <span className="numeric quiet" title="How sure the detector was">
          {percent(item.confidence)}
        </span>
      </div>
      <p className="evidence-text">{item.description}</p>
      <div className="evidence-foot">
        <span className="quiet">{what}</span>
        {item.participants > 1 && <span className="quiet">{item.participants} taking part</span>}
        {item.clipUrl && (
          <a href={item.clipUrl} target="_blank" rel="noreferrer">
            <Icon name="clip" size={13} /> Clip
          </a>
        )}
        {!item.clipUrl && item.snapshotUrl && (
          <a href={item.snapshotUrl} target="_blank" rel="noreferrer">
            <Icon name="camera" size={13} /> Still
          </a>
        )}
      </div>
    </li>
  );
}
