/** How charts look, in one place: thin lines, quiet axes, numbers in the text's own face. */
import type { ReactNode } from "react";

/** A colour of tokens.css. */
export const COLOUR = {
  main: "var(--chart-1)",
  second: "var(--chart-2)",
  third: "var(--chart-3)",
  fourth: "var(--chart-4)",
  band: "var(--band)",
  grid: "var(--line)",
  text: "var(--text-3)",
} as const;

/** For XAxis and YAxis. */
export const AXIS = {
  stroke: COLOUR.grid,
  tick: { fill: COLOUR.text, fontSize: 11 },
  tickLine: false,
  axisLine: false,
} as const;

/** What stands in a tooltip: a heading, and a row for each series. */
export function TipBox({ title, rows }: { title: ReactNode; rows: readonly (readonly [string, string, string?])[] }) {
  return (
    <div className="chart-tip">
      <strong>{title}</strong>
      {rows.map(([name, value, colour]) => (
        <div key={name}>
          {colour && <i style={{ background: colour }} />}
          <span>{name}</span>
          <span className="numeric">{value}</span>
        </div>
      ))}
    </div>
  );
}
