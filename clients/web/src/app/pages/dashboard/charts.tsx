/** The dashboard's four charts. */
import type { ReactNode } from "react";
import {
  Area,
  AreaChart,
  Bar,
  BarChart,
  CartesianGrid,
  Cell,
  LabelList,
  Line,
  LineChart,
  Pie,
  PieChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { SeverityName } from "../../../services";
import { AXIS, COLOUR, TipBox } from "../../ui/charts/style";
import { clock, count, dayAndTime, duration, many, minutes, percent, sentence } from "../../ui/format";
import { severityColour } from "./colours";
import type { Answered, ConfidenceBucket } from "./numbers";

const HEIGHT = 230;
const SHADES: Record<ConfidenceBucket["name"], string> = {
  Low: COLOUR.third,
  Medium: COLOUR.second,
  High: COLOUR.main,
};

export interface ChartsProps {
  /** Oldest first. */
  recent: readonly Answered[];
  confidence: readonly ConfidenceBucket[];
  hours: readonly { hour: string; count: number }[];
  severities: readonly { severity: SeverityName; count: number }[];
}

export default function Charts({ recent, confidence, hours, severities }: ChartsProps) {
  return (
    <div className="dashboard-charts">
      <ResponseTimes recent={recent} />
      <Confidence buckets={confidence} />
      <Hours hours={hours} />
      <Severities severities={severities} />
    </div>
  );
}

function Chart(props: { title: string; note: string; says: string; empty?: string | undefined; children: ReactNode }) {
  return (
    <figure className="card dashboard-chart">
      <figcaption>
        <h2>{props.title}</h2>
        <span className="quiet">{props.note}</span>
      </figcaption>
      {props.empty ? (
        <p className="dashboard-none quiet" style={{ minHeight: HEIGHT }}>
          {props.empty}
        </p>
      ) : (
        <div className="chart" role="img" aria-label={`${props.title}: ${props.says}`}>
          {props.children}
        </div>
      )}
    </figure>
  );
}

function ResponseTimes({ recent }: { recent: readonly Answered[] }) {
  const numbered = recent.map((one, index) => ({ ...one, index: index + 1 }));
  const sameDay = recent.length > 0 && (recent.at(-1)?.at ?? 0) - (recent[0]?.at ?? 0) < 20 * 3_600_000;
  const slowest = Math.max(0, ...recent.map((one) => one.processingMs));
  return (
    <Chart
      title="Response time trend"
      note={recent.length === 1 ? "last response" : `last ${recent.length} responses`}
      says={`the slowest of the last ${recent.length} took ${duration(slowest)}`}
      empty={recent.length === 0 ? "No responses in this period." : undefined}
    >
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <LineChart data={numbered} margin={{ top: 8, right: 22, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke={COLOUR.grid} />
          <XAxis
            dataKey="index"
            tickFormatter={(index: number) => {
              const at = numbered[index - 1]?.at;
              return sameDay ? minutes(at) : dayAndTime(at);
            }}
            minTickGap={48}
            {...AXIS}
          />
          <YAxis
            width={58}
            tickCount={5}
            tickFormatter={(ms: number) => (ms === 0 ? "0" : duration(ms))}
            domain={[0, "auto"]}
            {...AXIS}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: COLOUR.grid }}
            content={({ active, payload }) => {
              const point = payload?.[0]?.payload as Answered | undefined;
              if (!active || !point) return null;
              return (
                <TipBox
                  title={`${dayAndTime(point.at)}:${clock(point.at).slice(6)}`}
                  rows={[
                    ["Processing time", duration(point.processingMs), COLOUR.main],
                    ["Confidence", percent(point.confidence)],
                    ["Evidence", count(point.evidence)],
                  ]}
                />
              );
            }}
          />
          <Line
            dataKey="processingMs"
            type="monotone"
            stroke={COLOUR.main}
            strokeWidth={1.5}
            dot={recent.length < 30 ? { r: 2, fill: COLOUR.main } : false}
            isAnimationActive={false}
          />
        </LineChart>
      </ResponsiveContainer>
    </Chart>
  );
}

function Confidence({ buckets }: { buckets: readonly ConfidenceBucket[] }) {
  const total = buckets.reduce((sum, one) => sum + one.value, 0);
  return (
    <Chart
      title="Confidence score distribution"
      note={many(total, "response")}
      says={buckets.map((one) => `${one.name} (${one.range}) ${one.value}`).join(", ")}
      empty={total === 0 ? "No responses in this period." : undefined}
    >
      <div className="dashboard-pie">
        <ResponsiveContainer width="50%" height={HEIGHT}>
          <PieChart accessibilityLayer={false}>
            <Pie
              data={buckets.filter((one) => one.value > 0)}
              dataKey="value"
              nameKey="name"
              innerRadius="56%"
              outerRadius="88%"
              startAngle={90}
              endAngle={-270}
              stroke="var(--surface)"
              strokeWidth={2}
              isAnimationActive={false}
            >
              {buckets
                .filter((one) => one.value > 0)
                .map((one) => (
                  <Cell key={one.name} fill={SHADES[one.name]} />
                ))}
            </Pie>
          </PieChart>
        </ResponsiveContainer>
        <ul>
          {buckets.toReversed().map((one) => (
            <li key={one.name}>
              <i style={{ background: SHADES[one.name] }} />
              <span>
                {one.name} <span className="quiet numeric">{one.range}</span>
              </span>
              <span className="numeric">{count(one.value)}</span>
              <span className="quiet numeric">{percent(total ? one.value / total : 0)}</span>
            </li>
          ))}
        </ul>
      </div>
    </Chart>
  );
}

function Hours({ hours }: { hours: ChartsProps["hours"] }) {
  const total = hours.reduce((sum, one) => sum + one.count, 0);
  const busiest = hours.reduce((most, one) => (one.count > most.count ? one : most), { hour: "", count: 0 });
  return (
    <Chart
      title="Hourly activity pattern"
      note="responses by hour of the day, your time"
      says={`most, ${busiest.count}, at ${busiest.hour}`}
      empty={total === 0 ? "No responses in this period." : undefined}
    >
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <AreaChart
          data={hours as { hour: string; count: number }[]}
          margin={{ top: 8, right: 22, bottom: 0, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke={COLOUR.grid} />
          <XAxis dataKey="hour" minTickGap={36} {...AXIS} />
          <YAxis width={40} allowDecimals={false} tickCount={5} {...AXIS} />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: COLOUR.grid }}
            content={({ active, payload }) => {
              const point = payload?.[0]?.payload as { hour: string; count: number } | undefined;
              if (!active || !point) return null;
              return <TipBox title={point.hour} rows={[["Responses", count(point.count), COLOUR.main]]} />;
            }}
          />
          <Area
            dataKey="count"
            type="monotone"
            stroke={COLOUR.main}
            strokeWidth={1.5}
            fill={COLOUR.band}
            isAnimationActive={false}
          />
        </AreaChart>
      </ResponsiveContainer>
    </Chart>
  );
}

function Severities({ severities }: { severities: ChartsProps["severities"] }) {
  const total = severities.reduce((sum, one) => sum + one.count, 0);
  return (
    <Chart
      title="Insight severity distribution"
      note={many(total, "insight")}
      says={severities.map((one) => `${one.severity} ${one.count}`).join(", ")}
      empty={total === 0 ? "No insights in this period." : undefined}
    >
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <BarChart
          data={severities as { severity: SeverityName; count: number }[]}
          margin={{ top: 20, right: 14, bottom: 0, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke={COLOUR.grid} />
          <XAxis dataKey="severity" tickFormatter={sentence} {...AXIS} />
          <YAxis width={40} allowDecimals={false} tickCount={5} {...AXIS} />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: "var(--sunken)" }}
            content={({ active, payload }) => {
              const point = payload?.[0]?.payload as { severity: SeverityName; count: number } | undefined;
              if (!active || !point) return null;
              return (
                <TipBox
                  title={sentence(point.severity)}
                  rows={[["Insights", count(point.count), severityColour(point.severity)]]}
                />
              );
            }}
          />
          <Bar dataKey="count" maxBarSize={64} radius={[3, 3, 0, 0]} isAnimationActive={false}>
            <LabelList dataKey="count" position="top" fill={COLOUR.text} fontSize={12} />
            {severities.map((one) => (
              <Cell key={one.severity} style={{ fill: severityColour(one.severity) }} />
            ))}
          </Bar>
        </BarChart>
      </ResponsiveContainer>
    </Chart>
  );
}
