/** A better question, what was changed and why; to take or to leave. */
import { useEffect, useState } from "react";
import { CallCancelled, type EnhancedPromptError, toError } from "../../../client";
import { PromptService } from "../../../gen/enhanced_prompt/v1/prompt_service_pb";
import { OptimizationType, type OptimizedPrompt } from "../../../gen/enhanced_prompt/v1/prompts_pb";
import { useApp } from "../../context";
import { percent } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { ErrorNote, Segments, Skeleton } from "../../ui/parts";

const KINDS = [
  ["enhancement", "Better"],
  ["clarity", "Clearer"],
  ["specificity", "More specific"],
] as const;
const TYPES = {
  enhancement: OptimizationType.ENHANCEMENT,
  clarity: OptimizationType.CLARITY,
  specificity: OptimizationType.SPECIFICITY,
};

interface Props {
  prompt: string;
  conversationId: string;
  onTake: (prompt: string) => void;
  onClose: () => void;
}

export function Optimiser({ prompt, conversationId, onTake, onClose }: Props) {
  const { client } = useApp();
  const [kind, setKind] = useState<keyof typeof TYPES>("enhancement");
  const [found, setFound] = useState<OptimizedPrompt>();
  const [failure, setFailure] = useState<EnhancedPromptError>();
  useEffect(() => {
    const leave = new AbortController();
    setFound(undefined);
    setFailure(undefined);
    client
      .unary(
        PromptService.method.optimizePrompt,
        { prompt, conversationId, optimizationType: TYPES[kind] },
        { signal: leave.signal },
      )
      .then(({ optimized }) => setFound(optimized))
      .catch((thrown) => {
        const error = toError(thrown);
        if (!(error instanceof CallCancelled)) setFailure(error);
      });
    return () => leave.abort();
  }, [client, prompt, conversationId, kind]);
  const same = found?.prompt === prompt;
  return (
    <section className="optimiser card" aria-label="A better question">
      <header>
        <Segments label="What to make better" value={kind} choices={KINDS} onChange={setKind} />
        <span className="grow" />
        <button type="button" className="button plain square" aria-label="Close" onClick={onClose}>
          <Icon name="close" size={14} />
        </button>
      </header>
      <div className="optimiser-body">
        {failure && <ErrorNote error={failure} />}
        {!found && !failure && <Skeleton lines={2} />}
        {found && same && <p>This question leaves nothing open.</p>}
        {found && !same && (
          <>
            <p className="optimised">
              {found.prompt} <span className="quiet numeric">{percent(found.confidence)} sure</span>
            </p>
            <ul className="changes">
              {found.changes.map((one) => (
                <li key={`${one.before}|${one.after}`}>
                  {one.before && <del>{one.before}</del>} {one.after && <ins>{one.after}</ins>}
                  <span className="quiet"> {one.reason}</span>
                </li>
              ))}
            </ul>
            <div className="optimiser-actions">
              <button type="button" className="button primary" onClick={() => onTake(found.prompt)}>
                Use it
              </button>
              {found.alternatives.map((one) => (
                <button key={one} type="button" className="button cut" onClick={() => onTake(one)}>
                  {one}
                </button>
              ))}
            </div>
          </>
        )}
      </div>
    </section>
  );
}
