/** The state of the service and of what it depends on. */
import type { HealthData, HealthName } from "../../../services";
import { bytes, dayAndTime, sentence } from "../../ui/format";

export function Health({ health }: { health: HealthData }) {
  return (
    <section className="card" aria-label="System health">
      <header>
        <h2>
          System health <State name={health.status} />
        </h2>
        {health.version && <span className="quiet numeric">{health.version}</span>}
      </header>
      <div className="health">
        <dl className="gauges">
          <Gauge name="CPU" value={health.cpu_usage} />
          <Gauge name="Memory" value={health.memory_usage} />
          {health.gpu_usage !== undefined && <Gauge name="GPU" value={health.gpu_usage} />}
          <div>
            <dt>Queue</dt>
            <dd className="numeric">{health.queue_size}</dd>
          </div>
        </dl>
        <ul className="components" aria-label="Components">
          {health.components.map((one) => (
            <li key={one.name}>
              <State name={one.status} />
              <strong>{sentence(one.name)}</strong>
              <span className="quiet">{one.detail}</span>
            </li>
          ))}
          {health.providers.map((one) => (
            <li key={one.model}>
              <State name={one.status} />
              <strong>{one.model === "grounded" ? "Embedded engine" : one.model}</strong>
              <span className="quiet">{one.last_error}</span>
            </li>
          ))}
        </ul>
        <ul className="components" aria-label="Replicas">
          {health.replicas.map((one) => (
            <li key={one.name}>
              <State name={one.status} />
              <strong className="mono">{one.name}</strong>
              <span className="quiet numeric">
                {one.draining && "draining · "}
                {one.cpu_usage.toFixed(0)} % of a core · {bytes(one.memory_bytes)} · {one.active_connections} open
                {one.start_time && ` · since ${dayAndTime(one.start_time)}`}
              </span>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function State({ name }: { name: HealthName }) {
  return (
    <span className="health-state" data-health={name}>
      <i aria-hidden="true" />
      <span>{name}</span>
    </span>
  );
}

function Gauge({ name, value }: { name: string; value: number }) {
  const bounded = Math.min(100, Math.max(0, value));
  return (
    <div>
      <dt>{name}</dt>
      <dd className="numeric">
        {value.toFixed(0)} %
        <span className="gauge" aria-hidden="true" data-high={bounded > 85}>
          <i style={{ width: `${bounded}%` }} />
        </span>
      </dd>
    </div>
  );
}
