/** Where questions are typed: send, stop, make better. */
import {
  type FormEvent,
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { toError } from "../../../client";
import { useConnection } from "../../../services";
import type { Conversation } from "../../../services/conversation";
import { safeStorage } from "../../../services/pending";
import { useApp } from "../../context";
import { MOD } from "../../shell/keys";
import { FOCUS_QUESTION } from "../../shell/shell";
import { Icon } from "../../ui/icon";
import { Optimiser } from "./optimiser";

const LONGEST = 8000;
const TALLEST = 180;
const DRAFT = "eps.draft";

interface Props {
  conversation: Conversation | undefined;
  onAsk: (query: string) => void;
}

export function Composer({ conversation, onAsk }: Props) {
  const { toasts } = useApp();
  const { isConnected } = useConnection();
  const [text, setText] = useState(() => safeStorage("sessionStorage")?.getItem(DRAFT) ?? "");
  const [optimising, setOptimising] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  const running = useRunning(conversation);

  useEffect(() => {
    const focus = () => area.current?.focus();
    addEventListener(FOCUS_QUESTION, focus);
    if (matchMedia("(pointer: fine)").matches) focus();
    return () => removeEventListener(FOCUS_QUESTION, focus);
  }, []);
  useEffect(() => safeStorage("sessionStorage")?.setItem(DRAFT, text), [text]);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element || text.length > LONGEST) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, TALLEST)}px`;
  }, [text]);

  const send = (query: string) => {
    if (!query.trim()) return;
    setText("");
    setOptimising("");
    onAsk(query.trim());
    area.current?.focus();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send(text);
  };
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      send(text);
    } else if (event.key === "ArrowUp" && !text && conversation?.latest) {
      event.preventDefault();
      setText(conversation.latest.query);
    } else if (event.key === "Escape" && optimising) {
      event.preventDefault();
      setOptimising("");
    }
  };
  const stop = () => {
    const open = conversation?.running;
    if (open) conversation.stop(open).catch((thrown) => toasts.show(`Could not stop it: ${toError(thrown).message}`));
  };
  const take = useCallback((better: string) => {
    setText(better);
    setOptimising("");
    area.current?.focus();
  }, []);
  return (
    <div className="composer">
      <div className="ask-column">
        {optimising && (
          <Optimiser
            prompt={optimising}
            conversationId={conversation?.conversationId ?? ""}
            onTake={take}
            onClose={() => setOptimising("")}
          />
        )}
        <form onSubmit={submit}>
          <textarea
            ref={area}
            rows={1}
            maxLength={LONGEST}
            aria-label="Question"
            placeholder="Ask what the cameras saw …"
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={pressed}
          />
          <button
            type="button"
            className="button plain square"
            aria-label="Make this question better"
            title="Make this question better"
            disabled={!text.trim() || !isConnected}
            onClick={() => setOptimising(text.trim())}
          >
            <Icon name="wand" />
          </button>
          {running ? (
            <button type="button" className="button primary square" aria-label="Stop" title="Stop (Esc)" onClick={stop}>
              <Icon name="stop" />
            </button>
          ) : (
            <button type="submit" className="button primary square" aria-label="Ask" disabled={!text.trim()}>
              <Icon name="send" />
            </button>
          )}
        </form>
        <p className="composer-hints quiet" aria-hidden="true">
          <span>
            <kbd>/</kbd> to type
          </span>
          <span>
            <kbd>Esc</kbd> to stop
          </span>
          <span>
            <kbd>{MOD}K</kbd> for commands
          </span>
        </p>
      </div>
    </div>
  );
}

function useRunning(conversation: Conversation | undefined): boolean {
  return useSyncExternalStore(
    (changed) => conversation?.on("change", changed) ?? (() => undefined),
    () => conversation?.running !== undefined,
  );
}
