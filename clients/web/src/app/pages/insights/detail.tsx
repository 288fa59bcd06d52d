/** One insight: what was seen, against what, and what to do about it. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { lazy, Suspense, useState } from "react";
import { toError } from "../../../client";
import { type Insight, InsightStatus, InsightVerdict } from "../../../gen/enhanced_prompt/v1/insights_pb";
import { severityName, useInsightActions } from "../../../services";
import { questionPath } from "../../addresses";
import { useCatalogue } from "../../catalogue";
import { useApp } from "../../context";
import { Link } from "../../router";
import { EvidenceList } from "../../ui/evidence";
import { count, dayAndTime, minutes, percent } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { Severity } from "../../ui/parts";
import { TYPES } from "./names";

const Plot = lazy(() => import("./plot"));
const HOUR_MS = 3_600_000;
const MUTES = [
  ["1 hour", HOUR_MS],
  ["a day", 24 * HOUR_MS],
  ["a week", 7 * 24 * HOUR_MS],
] as const;

export function Detail({ insight }: { insight: Insight }) {
  const catalogue = useCatalogue();
  const [active, setActive] = useState<readonly string[]>([]);
  const zone = catalogue.zoneOf(insight.affectedCameras[0] ?? "");
  return (
    <article className="insight">
      <header>
        <p className="insight-row-head">
          <Severity name={severityName(insight.severity)} />
          <span className="quiet">{TYPES[insight.insightType]}</span>
          <span className="quiet">priority {insight.priorityLevel} of 5</span>
          <span className="quiet numeric">{percent(insight.confidenceScore)} sure</span>
        </p>
        <h2>{insight.title}</h2>
        <p className="quiet numeric">
          {insight.window?.startTime &&
            `${dayAndTime(insight.window.startTime, zone)} to ${minutes(insight.window.endTime, zone)} · `}
          {insight.affectedCameras.map((one) => catalogue.name(one)).join(", ")}
        </p>
      </header>
      <Actions insight={insight} />
      <p className="insight-message">{insight.message}</p>
      <Numbers insight={insight} />
      {insight.baseline.length > 0 && (
        <Suspense fallback={<div style={{ height: 210 }} />}>
          <Plot insight={insight} zone={zone} />
          <p className="legend quiet" aria-hidden="true">
            <i className="observed" /> observed <i className="expected" /> expected <i className="usual" /> usual range
          </p>
        </Suspense>
      )}
      {insight.suggestedActions.length > 0 && (
        <section>
          <h3>What to do</h3>
          <ul className="suggested">
            {insight.suggestedActions.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </section>
      )}
      <AskAbout insight={insight} zone={zone} />
      {insight.evidence.length > 0 && (
        <EvidenceList
          id={insight.insightId}
          evidence={insight.evidence}
          total={insight.eventCount}
          zone={zone}
          active={active}
          onActive={setActive}
        />
      )}
    </article>
  );
}

function Numbers({ insight }: { insight: Insight }) {
  if (insight.observed === undefined) return null;
  const { interval, unit } = insight;
  return (
    <dl className="numbers numeric">
      <div>
        <dt>Observed</dt>
        <dd>
          {count(insight.observed)} <span className="quiet">{unit}</span>
        </dd>
      </div>
      {insight.expected !== undefined && (
        <div>
          <dt>Expected</dt>
          <dd>{count(insight.expected)}</dd>
        </div>
      )}
      {interval && (
        <div>
          <dt>Usual ({percent(interval.level)} of the time)</dt>
          <dd>
            {count(interval.low)} to {count(interval.high)}
          </dd>
        </div>
      )}
    </dl>
  );
}

function AskAbout({ insight, zone }: { insight: Insight; zone: string | undefined }) {
  const catalogue = useCatalogue();
  const camera = insight.affectedCameras[0];
  const { startTime, endTime } = insight.window ?? {};
  if (!camera || !startTime || !endTime || timestampMs(startTime) > Date.now()) return null;
  const date = new Intl.DateTimeFormat("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    ...(zone ? { timeZone: zone } : {}),
  });
  const from = minutes(startTime, zone);
  const to = minutes(endTime, zone);
  const asked = `What happened at ${catalogue.name(camera)} between ${from} and ${to} on ${date.format(timestampMs(startTime))}?`;
  return (
    <p>
      <Link className="ask-about" href={questionPath(asked)}>
        <Icon name="ask" size={14} />
        {asked}
      </Link>
    </p>
  );
}

function Actions({ insight }: { insight: Insight }) {
  const { toasts } = useApp();
  const { acknowledge, mute } = useInsightActions();
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const muted = insight.mutedUntil !== undefined && timestampMs(insight.mutedUntil) > Date.now();
  const noted = insight.acknowledgement;
  const acting = async (what: string, work: () => Promise<void>) => {
    setBusy(true);
    try {
      await work();
      setNote("");
    } catch (thrown) {
      toasts.show(`${what} did not work: ${toError(thrown).message}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="insight-actions">
      {noted && (
        <p className="noted">
          <Icon name="check" size={14} />
          {noted.verdict === InsightVerdict.FALSE_ALARM ? "A false alarm" : "Acknowledged"}
          {noted.userId && <> by {noted.userId}</>}
          <span className="quiet numeric"> {dayAndTime(noted.time)}</span>
          {noted.note && <span> · {noted.note}</span>}
        </p>
      )}
      {insight.status !== InsightStatus.ACKNOWLEDGED && (
        <>
          <input
            className="field"
            type="text"
            maxLength={2000}
            aria-label="Note"
            placeholder="A note, if you like"
            value={note}
            onChange={(event) => setNote(event.target.value)}
          />
          <button
            type="button"
            className="button primary"
            disabled={busy}
            onClick={() => acting("Acknowledging", () => acknowledge([insight.insightId], "useful", note))}
          >
            Acknowledge
          </button>
          <button
            type="button"
            className="button"
            disabled={busy}
            onClick={() => acting("Noting", () => acknowledge([insight.insightId], "false_alarm", note))}
          >
            False alarm
          </button>
        </>
      )}
      {muted ? (
        <button
          type="button"
          className="button"
          disabled={busy}
          onClick={() => acting("Unmuting", () => mute(insight.dedupeKey, 0, note))}
        >
          <Icon name="bell" size={14} /> Muted until {dayAndTime(insight.mutedUntil)}: lift
        </button>
      ) : (
        <label className="mute">
          <span className="hidden-words">Mute for</span>
          <select
            className="field"
            value=""
            disabled={busy}
            onChange={(event) => {
              const forMs = Number(event.target.value);
              void acting("Muting", () => mute(insight.dedupeKey, forMs, note));
            }}
          >
            <option value="" disabled>
              Mute for …
            </option>
            {MUTES.map(([words, forMs]) => (
              <option key={words} value={forMs}>
                {words}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}
