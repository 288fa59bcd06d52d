/** Whether the page is connected, for people: a badge for corners, a line for headers. */
import { useConnection } from "./hooks";
import type { ConnectionState } from "./link";

const WORDS: Record<ConnectionState, string> = {
  connecting: "Connecting",
  connected: "Live",
  reconnecting: "Reconnecting",
  disconnected: "Disconnected",
  failed: "Offline",
};

export interface ConnectionBadgeProps {
  className?: string;
}

/** A dot and a word. */
export function ConnectionBadge({ className = "" }: ConnectionBadgeProps) {
  const { connectionState } = useConnection();
  return (
    <span className={`connection-badge ${className}`} data-state={connectionState}>
      <span className="dot" aria-hidden="true" />
      {WORDS[connectionState]}
    </span>
  );
}

export interface ConnectionStatusProps {
  className?: string;
  /** Also says which attempt it is, and offers to try at once. */
  showDetails?: boolean;
  /** Also says how long a round trip takes. */
  showLatency?: boolean;
}

/** The badge, with what there is to know beside it. Changes are announced to screen readers. */
export function ConnectionStatus({ className = "", showDetails = false, showLatency = false }: ConnectionStatusProps) {
  const { connectionState, latencyMs, attempt, retryNow } = useConnection();
  const away = connectionState === "reconnecting" || connectionState === "failed";
  return (
    <span className={`connection-status ${className}`} role="status">
      <ConnectionBadge />
      {showDetails && away && (
        <>
          <span className="quiet">attempt {attempt}</span>
          <button type="button" className="link" onClick={retryNow}>
            Try now
          </button>
        </>
      )}
      {showLatency && latencyMs !== undefined && (
        <span className="quiet numeric" aria-hidden="true" title="Round trip to the service">
          {latencyMs < 10 ? latencyMs.toFixed(1) : Math.round(latencyMs)} ms
        </span>
      )}
    </span>
  );
}
