/** Work that waits for the next picture, so that a thousand tokens between two of them cost one. */

/** Call `work` once before the next picture; soon in a page that nobody sees. Calls in between count as one. */
export function onceAFrame(work: () => void): () => void {
  let waiting = false;
  const run = () => {
    waiting = false;
    work();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    if (typeof requestAnimationFrame === "function" && globalThis.document?.visibilityState === "visible") {
      requestAnimationFrame(run);
    } else {
      setTimeout(run, 16);
    }
  };
}

/** Lets the page breathe: resolves in a task of its own. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
