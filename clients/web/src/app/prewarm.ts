/** The next question is made fast when the page opens, and when somebody comes back to it. */
import type { EnhancedPromptClient } from "../client";
import { debug } from "../services/debug";
import type { Link } from "../services/link";

const SIGNS = ["pointerdown", "keydown", "focus"] as const;

/** Prewarm now, and with the first sign of life after `idleMs` without one. Returns how to end it. */
export function keepWarm(client: EnhancedPromptClient, link: Link, idleMs: number, now = Date.now): () => void {
  let last = now();
  const warm = () => {
    client.prewarm().then(
      (done) => debug("prewarm", done.status, done.parts.length, "parts"),
      (error) => debug("prewarm", "failed", error),
    );
  };
  const alive = () => {
    const idle = now() - last;
    last = now();
    if (idle > idleMs && link.isConnected) warm();
  };
  for (const one of SIGNS) addEventListener(one, alive, { capture: true, passive: true });
  const stop = link.on("connect", warm);
  if (link.isConnected) warm();
  return () => {
    stop();
    for (const one of SIGNS) removeEventListener(one, alive, { capture: true });
  };
}
