/** What was observed against what was expected, around the time that an insight is about. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  Area,
  Bar,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { Insight } from "../../../gen/enhanced_prompt/v1/insights_pb";
import { AXIS, COLOUR, TipBox } from "../../ui/charts/style";
import { count, dayAndTime, minutes } from "../../ui/format";

interface Point {
  at: number;
  observed: number | undefined;
  expected: number | undefined;
  usual: [number, number] | undefined;
}

export default function Plot({ insight, zone }: { insight: Insight; zone: string | undefined }) {
  const points: Point[] = insight.baseline.map((one) => ({
    at: one.startTime ? timestampMs(one.startTime) : 0,
    observed: one.observed,
    expected: one.expected,
    usual: one.interval && [one.interval.low, one.interval.high],
  }));
  const slot = points.length > 1 ? (points[1]?.at ?? 0) - (points[0]?.at ?? 0) : 3_600_000;
  const from = insight.window?.startTime && timestampMs(insight.window.startTime);
  const to = insight.window?.endTime && timestampMs(insight.window.endTime);
  const long = points.length > 1 && (points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0) > 36 * 3_600_000;
  return (
    <div
      className="chart"
      role="img"
      aria-label={`${count(insight.observed ?? 0)} observed, ${count(insight.expected ?? 0)} expected`}
    >
      <ResponsiveContainer width="100%" height={210}>
        <ComposedChart data={points} margin={{ top: 6, right: 4, bottom: 0, left: -18 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke={COLOUR.grid} />
          {from !== undefined && to !== undefined && (
            <ReferenceArea
              x1={from - slot / 2}
              x2={to - slot / 2}
              fill="var(--mark)"
              fillOpacity={0.7}
              ifOverflow="hidden"
            />
          )}
          <XAxis
            dataKey="at"
            type="number"
            scale="time"
            domain={["dataMin", "dataMax"]}
            padding={{ left: 12, right: 12 }}
            tickFormatter={(at: number) => (long ? dayAndTime(at, zone) : minutes(at, zone))}
            minTickGap={36}
            {...AXIS}
          />
          <YAxis width={48} allowDecimals={false} {...AXIS} />
          <Tooltip
            cursor={{ stroke: COLOUR.grid }}
            isAnimationActive={false}
            content={({ active, payload }) => {
              const point = payload?.[0]?.payload as Point | undefined;
              if (!active || !point) return null;
              const rows: [string, string, string?][] = [];
              rows.push([
                "Observed",
                point.observed === undefined ? "not recorded" : count(point.observed),
                COLOUR.main,
              ]);
              if (point.expected !== undefined) rows.push(["Expected", count(point.expected), COLOUR.second]);
              if (point.usual) rows.push(["Usual", `${count(point.usual[0])} to ${count(point.usual[1])}`]);
              return <TipBox title={dayAndTime(point.at, zone)} rows={rows} />;
            }}
          />
          <Area
            dataKey="usual"
            stroke="none"
            fill={COLOUR.second}
            fillOpacity={0.2}
            isAnimationActive={false}
            connectNulls
          />
          <Bar dataKey="observed" fill={COLOUR.main} maxBarSize={14} radius={[2, 2, 0, 0]} isAnimationActive={false} />
          <Line
            dataKey="expected"
            stroke={COLOUR.second}
            strokeDasharray="4 3"
            strokeWidth={1.5}
            dot={false}
            isAnimationActive={false}
          />
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}
