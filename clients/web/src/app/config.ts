/** What an installation chooses, read when the page opens: /config.json beside index.html. */

export interface AppConfig {
  /** The gateway; empty for the page's own origin. */
  url: string;
  /** The name in the corner and in the window's title. */
  title: string;
  /** After so many minutes without a touch the next one warms the service up again. */
  idle_minutes_before_prewarm: number;
}

export const DEFAULTS: AppConfig = { url: "", title: "Enhanced Prompt", idle_minutes_before_prewarm: 5 };

/** The installation's choices; defaults for what is missing or of another type. Never rejects. */
export async function loadConfig(fetch: typeof globalThis.fetch = globalThis.fetch): Promise<AppConfig> {
  try {
    const answer = await fetch("/config.json", { signal: AbortSignal.timeout(3000) });
    return answer.ok ? merged(await answer.json()) : DEFAULTS;
  } catch {
    return DEFAULTS;
  }
}

/** Defaults under what was given. */
export function merged(given: unknown): AppConfig {
  const found = { ...DEFAULTS } as Record<string, unknown>;
  if (typeof given === "object" && given !== null) {
    for (const [name, value] of Object.entries(given)) {
      if (name in found && typeof value === typeof found[name]) found[name] = value;
    }
  }
  return found as unknown as AppConfig;
}
