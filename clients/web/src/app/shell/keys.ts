/** Keys that work everywhere: / to ask, ⌘K for commands, Esc to stop or leave. */
import { useEffect } from "react";

/** "⌘" or "Ctrl" */
export const MOD = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl ";

export interface Keys {
  onAsk: () => void;
  onCommands: () => void;
}

/** Fired at the window when Esc was pressed and nothing nearer took it. */
export const ESCAPED = "eps:escaped";

export function useKeys({ onAsk, onCommands }: Keys): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && !event.altKey) {
        event.preventDefault();
        onCommands();
      } else if (event.key === "/" && !writing(event.target) && !event.metaKey && !event.ctrlKey && !event.altKey) {
        event.preventDefault();
        onAsk();
      } else if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
        dispatchEvent(new Event(ESCAPED));
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [onAsk, onCommands]);
}

/** Whether what is typed goes into something. */
function writing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Told when Esc was pressed and nothing nearer took it. */
export function useEscape(handler: () => void): void {
  useEffect(() => {
    addEventListener(ESCAPED, handler);
    return () => removeEventListener(ESCAPED, handler);
  }, [handler]);
}
