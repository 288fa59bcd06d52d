/** The last minutes of some numbers, a point a message. */
import { useRef, useState } from "react";
import { MessageType, type MetricsData, useRealtimeSubscription } from "../../../services";

export interface SeriesPoint extends MetricsData {
  /** Milliseconds since 1970. */
  at: number;
}

const KEPT = 180;

/** Points of the last three minutes, oldest first. */
export function useSeries(): readonly SeriesPoint[] {
  const points = useRef<SeriesPoint[]>([]);
  const [shown, setShown] = useState<readonly SeriesPoint[]>([]);
  useRealtimeSubscription(MessageType.METRICS_UPDATE, (data, message) => {
    points.current = [...points.current, { ...data, at: message.timestamp }].slice(-KEPT);
    setShown(points.current);
  });
  return shown;
}
