/** What happened lately: calls, failures, and what each model did. */
import type { ErrorData, ModelStats, RequestData } from "../../../services";
import { clock, count, duration, words } from "../../ui/format";
import { Scrolled, Severity } from "../../ui/parts";

const SHOWN = 25;

export function Models({ models }: { models: ReadonlyMap<string, ModelStats> }) {
  if (models.size === 0) return null;
  return (
    <section className="card" aria-label="Models">
      <header>
        <h2>Models</h2>
        <span className="quiet">since the service started</span>
      </header>
      <Scrolled label="Table of models">
        <table className="rows numeric">
          <thead>
            <tr>
              <th>Model</th>
              <th className="end">Requests</th>
              <th className="end">Latency</th>
              <th className="end">First token</th>
              <th className="end">Tokens</th>
              <th className="end">Cost</th>
              <th className="end">Failed</th>
            </tr>
          </thead>
          <tbody>
            {[...models.values()].map((one) => (
              <tr key={one.model}>
                <td>{one.model === "grounded" ? "Embedded engine" : one.model}</td>
                <td className="end">{count(one.request_count)}</td>
                <td className="end">{duration(one.avg_latency_ms)}</td>
                <td className="end">
                  {one.time_to_first_token_p50_ms === undefined ? "–" : duration(one.time_to_first_token_p50_ms)}
                </td>
                <td className="end">{count(one.total_tokens)}</td>
                <td className="end">${one.total_cost.toFixed(2)}</td>
                <td className="end">{count(one.error_count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolled>
    </section>
  );
}

export function Requests({ requests, onClear }: { requests: readonly RequestData[]; onClear: () => void }) {
  return (
    <section className="card" aria-label="Recent requests">
      <header>
        <h2>Recent requests</h2>
        {requests.length > 0 && (
          <button type="button" className="button plain" onClick={onClear}>
            Clear
          </button>
        )}
      </header>
      {requests.length === 0 ? (
        <p className="feed-empty quiet">None yet. They appear as they end.</p>
      ) : (
        <Scrolled label="Table of requests">
          <table className="rows numeric">
            <thead>
              <tr>
                <th>Time</th>
                <th>Call</th>
                <th>Status</th>
                <th>Model</th>
                <th className="end">Took</th>
                <th className="end">First token</th>
                <th className="end">Tokens</th>
              </tr>
            </thead>
            <tbody>
              {requests.slice(0, SHOWN).map((one) => (
                <tr key={one.request_id || `${one.timestamp}${one.method}`}>
                  <td>{clock(one.timestamp)}</td>
                  <td>
                    {one.method}
                    {one.streamed && <span className="quiet"> stream</span>}
                  </td>
                  <td className={one.code === "OK" ? "quiet" : "bad-status"}>{one.code}</td>
                  <td>{one.model === "grounded" ? "engine" : one.model}</td>
                  <td className="end">{duration(one.latency_ms)}</td>
                  <td className="end">
                    {one.time_to_first_token_ms === undefined ? "" : duration(one.time_to_first_token_ms)}
                  </td>
                  <td className="end">{one.tokens === undefined ? "" : count(one.tokens)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
    </section>
  );
}

export function Errors({
  errors,
  total,
  onClear,
}: {
  errors: readonly ErrorData[];
  total: number;
  onClear: () => void;
}) {
  return (
    <section className="card" aria-label="Errors">
      <header>
        <h2>Errors {total > 0 && <span className="chip numeric">{count(total)}</span>}</h2>
        {errors.length > 0 && (
          <button type="button" className="button plain" onClick={onClear}>
            Clear
          </button>
        )}
      </header>
      {errors.length === 0 ? (
        <p className="feed-empty quiet">None.</p>
      ) : (
        <ul className="errors">
          {errors.slice(0, SHOWN).map((one) => (
            <li key={`${one.timestamp}${one.request_id}${one.error_type}`}>
              <span className="errors-head">
                <Severity name={one.severity} />
                <strong>{words(one.error_type.toLowerCase())}</strong>
                <span className="quiet">{one.method}</span>
                <span className="quiet numeric">{clock(one.timestamp)}</span>
              </span>
              <span>{one.error_message}</span>
              {one.incident_id && <span className="quiet mono">incident {one.incident_id}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
