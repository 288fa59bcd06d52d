/** How the answer came about: the agent's parts, its tools, what it thought. */
import type { TurnView } from "../../../services/turn-view";
import { many, sentence, words } from "../../ui/format";
import { Icon } from "../../ui/icon";

export function Reasoning({ turn }: { turn: TurnView }) {
  if (turn.steps.length === 0 && !turn.thinking) return null;
  const tools = turn.steps.filter((one) => one.kind === "tool").length;
  return (
    <details className="reasoning">
      <summary>
        <Icon name="chevron" size={12} />
        Reasoning
        <span className="quiet">
          {many(tools, "look-up")}
          {turn.model && `, ${turn.model === "grounded" ? "embedded engine" : turn.model}`}
        </span>
      </summary>
      <ol>
        {turn.steps.map((one) => (
          <li key={one.key} data-kind={one.kind} data-state={one.state}>
            <span className="step-name">{sentence(words(one.name))}</span>
            {one.detail && <code className="mono">{one.detail}</code>}
            {one.result && <span className="step-result">{one.result}</span>}
          </li>
        ))}
      </ol>
      {turn.thinking && <p className="thinking">{turn.thinking}</p>}
    </details>
  );
}
