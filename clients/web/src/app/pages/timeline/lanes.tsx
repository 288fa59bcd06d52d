/** A lane a camera: how many events each hour or day saw, and where the camera did not look. */
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type PointerEvent,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { TipBox } from "../../ui/charts/style";
import { count, day, minutes } from "../../ui/format";
import type { Bucket } from "../../ui/local";
import type { Choice, Coverage, Lane, TimelineData } from "./data";
import { moveOf } from "./keys";
import { gaps, ticksOf } from "./range";
import { bucketWords, recordedWords } from "./words";

export interface LanesProps {
  data: TimelineData;
  zone: string;
  nameOf: (cameraId: string) => string;
  choice: Choice;
  onChoose: (choice: Choice) => void;
  /** Into the bucket of that key, or out of it; says whether there is anything to do. */
  onZoom: (direction: 1 | -1, key: string | undefined) => boolean;
  onPan: (steps: number) => void;
}

const WIDTH = 1000;
const HEIGHT = 30;
const NOTCH = 50; // pixels of a wheel that count as one step
const CALM_MS = 180; // between two steps, so that one swipe is one

export default function Lanes({ data, zone, nameOf, choice, onChoose, onZoom, onPan }: LanesProps) {
  const { buckets, range } = data;
  const box = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<{ lane: number; index: number; x: number; y: number }>();
  const ticks = useMemo(() => ticksOf(range, buckets), [range, buckets]);
  const most = Math.max(1, ...data.lanes.map((one) => Math.max(...one.counts)));
  const cameras = useMemo<(string | undefined)[]>(
    () => [undefined, ...data.lanes.map((one) => one.cameraId)],
    [data.lanes],
  );
  const at = choice.key === undefined ? -1 : buckets.findIndex((one) => one.key === choice.key);

  useWheel(box, (direction, share) => {
    const index = Math.min(buckets.length - 1, Math.max(0, Math.floor(share * buckets.length)));
    return onZoom(direction, buckets[index]?.key);
  });

  const pressed = (event: KeyboardEvent) => {
    if (event.target !== box.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = moveOf(event.key, event.shiftKey, {
      buckets: buckets.map((one) => one.key),
      cameras,
      choice,
      start: lastWithAny(data, choice.cameraId),
    });
    if (!move) return;
    event.preventDefault();
    if ("choose" in move) onChoose(move.choose);
    else if ("zoom" in move) onZoom(move.zoom, choice.key);
    else onPan(move.pan);
  };

  const place = (event: PointerEvent<HTMLElement>, lane: number) => {
    const area = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - area.left) / Math.max(1, area.width);
    const outer = box.current?.getBoundingClientRect();
    const index = Math.min(buckets.length - 1, Math.max(0, Math.floor(share * buckets.length)));
    setPointed({ lane, index, x: event.clientX - (outer?.left ?? 0), y: area.bottom - (outer?.top ?? 0) });
  };
  const chosen = (cameraId: string | undefined, index: number) => {
    const key = buckets[index]?.key;
    const again = choice.key === key && choice.cameraId === cameraId;
    onChoose(again ? { cameraId: undefined, key: undefined } : { cameraId, key });
  };
  const rows = [
    { cameraId: undefined, counts: data.all, total: data.total, coverage: undefined as Coverage | undefined },
    ...data.lanes,
  ];
  const tip = pointed && rows[pointed.lane];
  return (
    <div
      ref={box}
      className="lanes"
      role="application"
      aria-label={`Events by camera and ${range.level.by}`}
      aria-describedby="lanes-keys"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is walked through with arrows
      tabIndex={0}
      onKeyDown={pressed}
      onPointerLeave={() => setPointed(undefined)}
    >
      <p id="lanes-keys" className="hidden-words">
        Arrow keys choose an hour or day and a camera, plus and minus zoom, Page Up and Page Down move in time, Escape
        shows everything again.
      </p>
      {rows.map(({ cameraId, counts, total, coverage }, lane) => (
        <div
          key={cameraId ?? ""}
          className="lane"
          data-all={cameraId === undefined}
          data-dim={choice.cameraId !== undefined && choice.cameraId !== cameraId}
        >
          <button
            type="button"
            className="lane-name"
            aria-pressed={choice.cameraId === cameraId && cameraId !== undefined}
            title={cameraId}
            onClick={() => onChoose({ cameraId: choice.cameraId === cameraId ? undefined : cameraId, key: choice.key })}
          >
            <span className="cut">{cameraId === undefined ? "All cameras" : nameOf(cameraId)}</span>
            <span className="quiet numeric">{count(total)}</span>
          </button>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: keys work on the whole chart */}
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: keys work on the whole chart */}
          <div
            className="lane-plot"
            data-lane={cameraId ?? "all"}
            onPointerMove={(event) => place(event, lane)}
            onClick={(event) => {
              const area = event.currentTarget.getBoundingClientRect();
              const share = (event.clientX - area.left) / Math.max(1, area.width);
              chosen(cameraId, Math.min(buckets.length - 1, Math.floor(share * buckets.length)));
            }}
            onDoubleClick={() => pointed && onZoom(1, buckets[pointed.index]?.key)}
          >
            {cameraId !== undefined && <Unseen buckets={buckets} coverage={coverage} until={data.until} />}
            {ticks.map((tick) => (
              <i key={tick.start} className="lane-grid" style={{ left: `${tick.at * 100}%` }} />
            ))}
            <Bars counts={counts} most={cameraId === undefined ? Math.max(1, ...data.all) : most} />
            {pointed?.lane === lane && <Slot kind="pointed" index={pointed.index} of={buckets.length} />}
            {at >= 0 && (choice.cameraId === undefined || choice.cameraId === cameraId) && (
              <Slot kind="chosen" index={at} of={buckets.length} />
            )}
          </div>
        </div>
      ))}
      <div className="lane-axis numeric" aria-hidden="true">
        {ticks.map((tick) => (
          <span
            key={tick.start}
            data-minor={tick.minor}
            data-day={tick.day}
            data-late={tick.at > 0.94}
            style={{ left: `${tick.at * 100}%` }}
          >
            {tick.day && range.level.days > 1 ? day(tick.start, zone) : minutes(tick.start, zone)}
          </span>
        ))}
      </div>
      {pointed && tip && (
        <div
          className="lane-tip"
          data-left={pointed.x > (box.current?.clientWidth ?? 0) * 0.6}
          style={{ "--x": `${pointed.x}px`, top: pointed.y } as CSSProperties}
        >
          <Tip lane={tip} bucket={buckets[pointed.index]} index={pointed.index} zone={zone} nameOf={nameOf} />
        </div>
      )}
    </div>
  );
}

type Row = Omit<Lane, "cameraId"> & { cameraId: string | undefined };

function Tip(props: {
  lane: Row;
  bucket: Bucket | undefined;
  index: number;
  zone: string;
  nameOf: LanesProps["nameOf"];
}) {
  const { lane, bucket, index, zone, nameOf } = props;
  if (!bucket) return null;
  const rows: [string, string][] = [["Events", count(lane.counts[index] ?? 0)]];
  if (lane.cameraId !== undefined) rows.push(["Recorded", recordedWords(lane.coverage, bucket)]);
  return (
    <TipBox
      title={
        <>
          {lane.cameraId === undefined ? "All cameras" : nameOf(lane.cameraId)} · {bucketWords(bucket, zone)}
        </>
      }
      rows={rows}
    />
  );
}

const Bars = memo(function Bars({ counts, most }: { counts: readonly number[]; most: number }) {
  const step = WIDTH / Math.max(1, counts.length);
  const gap = Math.min(step * 0.16, 3);
  const path = counts
    .map((value, index) => {
      if (value === 0) return "";
      const height = Math.max(1.6, (value / most) * (HEIGHT - 2));
      const x = index * step + gap / 2;
      return `M${x.toFixed(2)} ${HEIGHT}v${(-height).toFixed(2)}h${(step - gap).toFixed(2)}V${HEIGHT}z`;
    })
    .join("");
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
});

/** Where the camera did not record, and where nobody knows. */
const Unseen = memo(function Unseen({
  buckets,
  coverage,
  until,
}: {
  buckets: readonly Bucket[];
  coverage: Coverage | undefined;
  until: number;
}) {
  const from = buckets[0]?.start ?? 0;
  const to = buckets.at(-1)?.end ?? 1;
  const end = Math.min(to, until);
  const known = coverage?.known;
  const off = known ? gaps([Math.max(from, known[0]), Math.min(end, known[1])], coverage.recorded) : [];
  const unknown = known ? gaps([from, end], [known]) : gaps([from, end], []);
  const spans = [
    ...off.map((one) => [...one, "off"] as const),
    ...unknown.map((one) => [...one, "unknown"] as const),
    ...(to > until ? [[Math.max(from, until), to, "later"] as const] : []),
  ];
  return spans.map(([start, stop, kind]) => (
    <i
      key={`${kind}${start}`}
      className="lane-unseen"
      data-kind={kind}
      style={{ left: `${((start - from) / (to - from)) * 100}%`, width: `${((stop - start) / (to - from)) * 100}%` }}
    />
  ));
});

function Slot({ kind, index, of }: { kind: string; index: number; of: number }) {
  return <i className="lane-slot" data-kind={kind} style={{ left: `${(index / of) * 100}%`, width: `${100 / of}%` }} />;
}

function lastWithAny(data: TimelineData, cameraId: string | undefined): number {
  const counts =
    cameraId === undefined ? data.all : (data.lanes.find((one) => one.cameraId === cameraId)?.counts ?? []);
  const found = counts.findLastIndex((one) => one > 0);
  return found < 0 ? data.buckets.length - 1 : found;
}

/**
 * Steps of the wheel over the plots: down is out, up is in, at the place it points at. Where there is
 * nothing more to see the page scrolls as ever; the browser's own zooming (with Ctrl) is left alone.
 */
function useWheel(
  box: { current: HTMLDivElement | null },
  onStep: (direction: 1 | -1, share: number) => boolean,
): void {
  const step = useRef(onStep);
  step.current = onStep;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let turned = 0;
    let last = 0;
    const wheel = (event: WheelEvent) => {
      const plot = (event.target as HTMLElement).closest(".lane-plot");
      if (!plot || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
      if (event.timeStamp - last < CALM_MS) {
        event.preventDefault();
        return;
      }
      turned = turned * event.deltaY < 0 ? event.deltaY : turned + event.deltaY;
      if (Math.abs(turned) < NOTCH) {
        event.preventDefault();
        return;
      }
      const area = plot.getBoundingClientRect();
      const share = (event.clientX - area.left) / Math.max(1, area.width);
      const moved = step.current(turned < 0 ? 1 : -1, share);
      turned = 0;
      if (!moved) return;
      last = event.timeStamp;
      event.preventDefault();
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [box]);
}
