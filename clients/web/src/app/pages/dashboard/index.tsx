/** Dashboard: how questions were answered lately, against the time before, and what was unusual. */
import "./dashboard.css";
import { lazy, Suspense, useCallback, useRef, useState } from "react";
import type { Insight } from "../../../gen/enhanced_prompt/v1/insights_pb";
import { InsightType } from "../../../gen/enhanced_prompt/v1/insights_pb";
import { needsLook, severityName, useInsights } from "../../../services";
import { insightPath } from "../../addresses";
import { useCatalogue } from "../../catalogue";
import { useApp } from "../../context";
import { Link } from "../../router";
import { count, dayAndTime, duration, percent } from "../../ui/format";
import { useLoaded } from "../../ui/loading";
import { Empty, ErrorNote, PageHead, Segments, Severity, Skeleton } from "../../ui/parts";
import { loadNumbers, type Numbers, PERIODS, type PeriodName } from "./data";
import {
  type Answered,
  begun,
  byHourOfDay,
  bySeverity,
  confidenceBuckets,
  faster,
  more,
  points,
  relative,
  type Trend,
} from "./numbers";

const Charts = lazy(() => import("./charts"));
const EVERY_MS = 30_000;
const TREND = 50; // responses that the first chart shows
const ROWS = 10;

export default function DashboardPage() {
  const [period, setPeriod] = useState<PeriodName>("day");
  return (
    <>
      <PageHead title="Dashboard">
        <Segments
          label="Period"
          value={period}
          choices={(Object.keys(PERIODS) as PeriodName[]).map((name) => [name, PERIODS[name].title] as const)}
          onChange={setPeriod}
        />
      </PageHead>
      <div className="page-body">
        <div className="page-inner dashboard">
          <Period key={period} period={period} />
        </div>
      </div>
    </>
  );
}

function Period({ period }: { period: PeriodName }) {
  const { client } = useApp();
  const kept = useRef<readonly Answered[]>([]);
  const load = useCallback(
    async (signal: AbortSignal) => {
      const found = await loadNumbers(client, period, kept.current, Date.now(), signal);
      kept.current = found.responses;
      return found;
    },
    [client, period],
  );
  const { value, error, reload } = useLoaded(load, EVERY_MS);
  const { insights, loaded } = useInsights();
  if (!value) {
    return error ? <ErrorNote error={error} title="No numbers." retry={reload} /> : <Skeleton lines={8} />;
  }
  const about = insights.filter((one) => begun([one], value.from, Number.POSITIVE_INFINITY) > 0);
  return (
    <>
      {error && <ErrorNote error={error} title="These are not the newest numbers." retry={reload} />}
      <Cards numbers={value} insights={insights} />
      <p className="quiet dashboard-note">
        Your own questions, against {PERIODS[period].words}. Asked for again each 30 seconds, last at{" "}
        <time className="numeric">{dayAndTime(value.to)}</time>.
      </p>
      <Suspense fallback={<div className="dashboard-charts waiting" />}>
        <Charts
          recent={value.responses.slice(0, TREND).toReversed()}
          confidence={confidenceBuckets(value.responses.map((one) => one.confidence))}
          hours={byHourOfDay(value.analytics.points)}
          severities={bySeverity(about.map((one) => severityName(one.severity)))}
        />
      </Suspense>
      <Recent insights={insights} loaded={loaded} />
    </>
  );
}

function Cards({ numbers, insights }: { numbers: Numbers; insights: readonly Insight[] }) {
  const { totals, previousTotals: before } = numbers.analytics;
  const length = numbers.to - numbers.from;
  const confidence = totals?.averageConfidence;
  const took = totals?.averageProcessingTimeMs;
  const cards: [string, string, Trend | undefined][] = [
    [
      "Total responses",
      count(totals?.responses ?? 0n),
      relative(Number(totals?.responses ?? 0n), Number(before?.responses ?? 0n)),
    ],
    [
      "Average confidence",
      confidence === undefined ? "–" : percent(confidence, 1),
      points(confidence, before?.averageConfidence),
    ],
    [
      "Active insights",
      count(insights.filter((one) => needsLook(one)).length),
      more(begun(insights, numbers.from, numbers.to), begun(insights, numbers.from - length, numbers.from)),
    ],
    [
      "Average processing time",
      took === undefined ? "–" : duration(took),
      faster(took, before?.averageProcessingTimeMs),
    ],
  ];
  return (
    <dl className="dashboard-cards" data-testid="dashboard-cards">
      {cards.map(([name, value, trend]) => (
        <div key={name} className="card">
          <dt>{name}</dt>
          <dd className="numeric">
            {value}
            {trend && (
              <span className="trend" data-better={trend.better}>
                <span aria-hidden="true">{{ up: "↑", down: "↓", same: "" }[trend.direction]}</span> {trend.text}
              </span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

const TYPE_WORDS: Record<InsightType, string> = {
  [InsightType.UNSPECIFIED]: "Insight",
  [InsightType.ACTIVITY_SPIKE]: "Activity spike",
  [InsightType.CAMERA_PERFORMANCE]: "Camera performance",
  [InsightType.SECURITY_ANOMALY]: "Security anomaly",
  [InsightType.PREDICTION]: "Prediction",
};

function Recent({ insights, loaded }: { insights: readonly Insight[]; loaded: boolean }) {
  const catalogue = useCatalogue();
  return (
    <section className="card" aria-label="Recent proactive insights">
      <header>
        <h2>Recent proactive insights</h2>
        <Link href="/insights">All insights</Link>
      </header>
      {!loaded && (
        <div className="dashboard-none">
          <Skeleton lines={3} />
        </div>
      )}
      {loaded && insights.length === 0 && (
        <Empty icon="insights" title="No insights yet">
          <p>What the detectors find unusual appears here by itself.</p>
        </Empty>
      )}
      {insights.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
        <section className="scrolled" tabIndex={0} aria-label="Table of insights">
          <table className="rows">
            <thead>
              <tr>
                <th>Time</th>
                <th>Type</th>
                <th>Severity</th>
                <th>Title</th>
                <th>Cameras</th>
                <th className="end">Confidence</th>
              </tr>
            </thead>
            <tbody>
              {insights.slice(0, ROWS).map((one) => (
                <tr key={one.insightId}>
                  <td className="numeric nowrap">
                    {dayAndTime(one.window?.startTime ?? one.timestamp, catalogue.zoneOf(one.affectedCameras[0] ?? ""))}
                  </td>
                  <td className="nowrap">{TYPE_WORDS[one.insightType]}</td>
                  <td>
                    <Severity name={severityName(one.severity)} />
                  </td>
                  <td className="dashboard-title">
                    <Link href={insightPath(one.insightId)}>{one.title}</Link>
                  </td>
                  <td>{one.affectedCameras.map((id) => catalogue.name(id)).join(", ") || "N/A"}</td>
                  <td className="numeric end">{percent(one.confidenceScore)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
