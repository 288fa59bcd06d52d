/** Short notices in a corner: what just happened elsewhere, or came of something one did. */
import { type ReactNode, useSyncExternalStore } from "react";
import { Emitter } from "../../services/emitter";
import { useApp } from "../context";
import { Icon } from "../ui/icon";

export interface Toast {
  id: number;
  text: ReactNode;
  /** Stays until it is closed. */
  sticky?: boolean;
}

const SHOWN_MS = 6000;
const MOST = 4;

export class Toasts extends Emitter<{ change: [] }> {
  shown: readonly Toast[] = [];
  #next = 1;

  show(text: ReactNode, options: { sticky?: boolean } = {}): number {
    const id = this.#next++;
    this.shown = [...this.shown, { id, text, ...options }].slice(-MOST);
    if (!options.sticky) setTimeout(() => this.close(id), SHOWN_MS);
    this.emit("change");
    return id;
  }

  close(id: number): void {
    this.shown = this.shown.filter((one) => one.id !== id);
    this.emit("change");
  }
}

export function ToastArea() {
  const { toasts } = useApp();
  const shown = useSyncExternalStore(
    (changed) => toasts.on("change", changed),
    () => toasts.shown,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className="toast">
          <div>{one.text}</div>
          <button type="button" className="button plain square" aria-label="Close" onClick={() => toasts.close(one.id)}>
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
