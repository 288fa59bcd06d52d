/** A template that would serve questions like these: create it, or decline. */
import { useState } from "react";
import { type EnhancedPromptError, toError } from "../../../client";
import { TemplateService } from "../../../gen/enhanced_prompt/v1/template_service_pb";
import type { Conversation } from "../../../services/conversation";
import type { TurnView } from "../../../services/turn-view";
import { useApp } from "../../context";
import { percent } from "../../ui/format";
import { Icon } from "../../ui/icon";
import { ErrorNote } from "../../ui/parts";

export function TemplateOffer({ turn, conversation }: { turn: TurnView; conversation: Conversation }) {
  const { client, toasts } = useApp();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<EnhancedPromptError>();
  const offer = turn.response?.templateSuggestions[0];
  if (!offer || turn.offerDeclined) return null;

  const decline = () => {
    turn.offerDeclined = true;
    conversation.touch(turn);
  };
  const create = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      const { title, description, category, body } = offer;
      // The turn's own id makes a second click the same call.
      const requestId = `offer-${turn.turnId}`;
      const made = await client.unary(TemplateService.method.createTemplate, {
        template: { title, description, category, body },
        requestId,
      });
      toasts.show(`Template “${made.template?.title ?? title}” was created.`);
      decline();
    } catch (thrown) {
      setFailure(toError(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section className="offer" aria-label="Template offer">
      <Icon name="templates" />
      <div>
        <p>
          <strong>Make this a template?</strong> {offer.title}
          <span className="quiet">
            {" "}
            · {offer.category} · {percent(offer.confidence)} sure
          </span>
        </p>
        <p className="quiet">{offer.reasoning}</p>
        <p className="mono offer-body">{offer.body}</p>
        {failure && <ErrorNote error={failure} />}
        <div className="offer-actions">
          <button type="button" className="button" disabled={busy} onClick={create}>
            Create template
          </button>
          <button type="button" className="button plain" onClick={decline}>
            Not now
          </button>
        </div>
      </div>
    </section>
  );
}
