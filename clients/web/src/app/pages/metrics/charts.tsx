/** Three small charts over the last minutes. */
import { Area, AreaChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { AXIS, COLOUR, TipBox } from "../../ui/charts/style";
import { clock, count, duration } from "../../ui/format";
import type { SeriesPoint } from "./series";

interface Kind {
  title: string;
  key: "requests_per_second" | "tokens_per_second" | "avg_latency_ms";
  show: (value: number) => string;
}

const KINDS: readonly Kind[] = [
  { title: "Requests a second", key: "requests_per_second", show: (value) => value.toFixed(1) },
  { title: "Tokens a second", key: "tokens_per_second", show: count },
  { title: "Mean latency", key: "avg_latency_ms", show: duration },
];

export default function Charts({ series }: { series: readonly SeriesPoint[] }) {
  return (
    <div className="metrics-charts">
      {KINDS.map((kind) => (
        <figure key={kind.key} className="card">
          <figcaption>{kind.title}</figcaption>
          <div className="chart" role="img" aria-label={`${kind.title}, last three minutes`}>
            <ResponsiveContainer width="100%" height={130}>
              <AreaChart
                data={series as SeriesPoint[]}
                margin={{ top: 4, right: 26, bottom: 0, left: 0 }}
                accessibilityLayer={false}
              >
                <CartesianGrid vertical={false} stroke={COLOUR.grid} />
                <XAxis
                  dataKey="at"
                  type="number"
                  domain={[(least: number) => Math.min(least, Date.now() - 60_000), "dataMax"]}
                  tickFormatter={(at: number) => clock(at)}
                  minTickGap={60}
                  {...AXIS}
                />
                <YAxis width={56} tickCount={4} interval={0} tickFormatter={kind.show} domain={[0, "auto"]} {...AXIS} />
                <Tooltip
                  isAnimationActive={false}
                  cursor={{ stroke: COLOUR.grid }}
                  content={({ active, payload }) => {
                    const point = payload?.[0]?.payload as SeriesPoint | undefined;
                    if (!active || !point) return null;
                    return <TipBox title={clock(point.at)} rows={[[kind.title, kind.show(point[kind.key])]]} />;
                  }}
                />
                <Area
                  dataKey={kind.key}
                  stroke={COLOUR.main}
                  strokeWidth={1.5}
                  fill={COLOUR.band}
                  isAnimationActive={false}
                  type="monotone"
                />
              </AreaChart>
            </ResponsiveContainer>
          </div>
        </figure>
      ))}
    </div>
  );
}
