/** Light, dark, or what the system says. */
import { safeStorage } from "../services/pending";

export type Theme = "system" | "light" | "dark";
const KEY = "eps.theme";

export function theme(): Theme {
  const kept = safeStorage("localStorage")?.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Whether the page is dark now. */
export function isDark(): boolean {
  const chosen = theme();
  return chosen === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

/** Show a theme, and keep the choice. */
export function setTheme(chosen: Theme): void {
  if (chosen === "system") safeStorage("localStorage")?.removeItem(KEY);
  else safeStorage("localStorage")?.setItem(KEY, chosen);
  applyTheme();
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}
