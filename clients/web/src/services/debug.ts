/** Output for developers, only where somebody asked for it: `localStorage.promptcraft_debug = "true"`. */

export const DEBUG_KEY = "promptcraft_debug";

/** Whether it was asked for. */
export function debugging(): boolean {
  try {
    return globalThis.localStorage?.getItem(DEBUG_KEY) === "true";
  } catch {
    return false; // storage may be forbidden
  }
}

/** Say something on the console, if anybody wants to know. */
export function debug(topic: string, ...said: unknown[]): void {
  if (debugging()) console.debug(`[eps] ${topic}`, ...said);
}
