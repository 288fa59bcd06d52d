/** Insights: what is unusual, as it is told, and what somebody thought of it. */
import "./insights.css";
import { useMemo, useState } from "react";
import { type Insight, InsightStatus } from "../../../gen/enhanced_prompt/v1/insights_pb";
import { needsLook, severityName, useConnection, useInsights, useLive, useRealtime } from "../../../services";
import { insightPath } from "../../addresses";
import { useCatalogue } from "../../catalogue";
import { Link } from "../../router";
import type { PageProps } from "../../routes";
import { since } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { BackTo, Empty, ErrorNote, PageHead, Segments, Severity, Skeleton } from "../../ui/parts";
import { Detail } from "./detail";
import { TYPES } from "./names";

type Shown = "open" | "all";
const LEAST = { any: 0, medium: 2, high: 3 } as const;

export default function InsightsPage({ rest }: PageProps) {
  const { insights, loaded, mode } = useInsights();
  const realtime = useRealtime();
  const { isConnected } = useConnection();
  const refused = useLive((live) => live.refusals.insights?.message);
  const [shown, setShown] = useState<Shown>("open");
  const [least, setLeast] = useState<keyof typeof LEAST>("any");
  const list = useMemo(
    () => insights.filter((one) => one.severity >= LEAST[least] && (shown === "all" || needsLook(one))),
    [insights, least, shown],
  );
  const chosen = rest ? insights.find((one) => one.insightId === rest) : undefined;
  const beside = chosen ?? (rest ? undefined : list[0]);
  const refusal = refused === undefined ? undefined : realtime.refusals.insights;
  return (
    <>
      <PageHead title="Insights">
        {mode === "polling" && <span className="chip">asked for every 10 s</span>}
        <Segments
          label="Which"
          value={shown}
          choices={[
            ["open", "Open"],
            ["all", "All"],
          ]}
          onChange={setShown}
        />
        <Segments
          label="Least severity"
          value={least}
          choices={[
            ["any", "Any"],
            ["medium", "Medium +"],
            ["high", "High +"],
          ]}
          onChange={setLeast}
        />
      </PageHead>
      <div className="insights" data-chosen={rest !== ""}>
        <section className="insight-list" aria-label="Insights">
          {refusal && <ErrorNote error={refusal} title="No insights." />}
          {!loaded && !refusal && <Skeleton lines={6} />}
          {loaded && list.length === 0 && (
            <Empty icon="insights" title={shown === "open" ? "Nothing waits for a look" : "No insights yet"}>
              <p>
                {isConnected
                  ? "What the detectors find unusual appears here by itself."
                  : "The service can't be reached; this may not be all."}
              </p>
            </Empty>
          )}
          <ul>
            {list.map((one) => (
              <Row key={one.insightId} insight={one} current={one.insightId === beside?.insightId} />
            ))}
          </ul>
        </section>
        <section className="insight-detail" aria-label="The chosen insight">
          {rest && <BackTo href="/insights">All insights</BackTo>}
          {beside ? (
            <Detail key={beside.insightId} insight={beside} />
          ) : (
            rest &&
            loaded && (
              <Empty icon="insights" title="There is no such insight">
                <p>It may be older than what is listed here.</p>
              </Empty>
            )
          )}
        </section>
      </div>
    </>
  );
}

function Row({ insight, current }: { insight: Insight; current: boolean }) {
  const catalogue = useCatalogue();
  const severity = severityName(insight.severity);
  const zone = catalogue.zoneOf(insight.affectedCameras[0] ?? "");
  const where = insight.affectedCameras.map((one) => catalogue.name(one));
  const done = insight.status !== InsightStatus.OPEN;
  return (
    <li data-severity={severity} data-done={done}>
      <Link href={insightPath(insight.insightId)} aria-current={current ? "true" : undefined}>
        <span className="insight-row-head">
          <Severity name={severity} />
          <span className="quiet">{TYPES[insight.insightType]}</span>
          <span className="quiet numeric when">
            {since(insight.window?.startTime ?? insight.createTime, Date.now(), zone)}
          </span>
        </span>
        <span className="insight-title">{insight.title}</span>
        <span className="quiet cut">
          {where.slice(0, 2).join(", ")}
          {where.length > 2 && ` and ${where.length - 2} more`}
          {insight.status === InsightStatus.ACKNOWLEDGED && (
            <>
              {" "}
              <Icon name="check" size={12} /> acknowledged
            </>
          )}
          {insight.status === InsightStatus.RESOLVED && " · has passed"}
        </span>
      </Link>
    </li>
  );
}
