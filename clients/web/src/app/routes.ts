/**
 * The pages. A page is one folder under `pages/` whose `index.tsx` exports a component as default,
 * and one line here. It is loaded when it is opened; `rest` is what follows its path ("/ask/x": "x").
 *
 * `gateway/pages.py` lists the same paths: Envoy opens the app for those alone.
 */
import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { IconName } from "./ui/icon";

export interface PageProps {
  /** The address behind the page's own path, without a slash; "" for none. */
  rest: string;
}

export interface Route {
  path: string;
  title: string;
  /** The title where there is little room. */
  short?: string;
  icon: IconName;
  /** Words that find it in the command palette, besides its title. */
  words: string;
  page: LazyExoticComponent<ComponentType<PageProps>>;
}

type Load = () => Promise<{ default: ComponentType<PageProps> }>;

const route = (path: string, title: string, icon: IconName, words: string, load: Load): Route => ({
  path,
  title,
  icon,
  words,
  page: lazy(load),
});

export const ROUTES: readonly Route[] = [
  route("/ask", "Ask", "ask", "question chat answer", () => import("./pages/ask")),
  route("/insights", "Insights", "insights", "unusual alerts anomalies", () => import("./pages/insights")),
  route("/timeline", "Timeline", "timeline", "events hours cameras coverage", () => import("./pages/timeline")),
  route("/dashboard", "Dashboard", "dashboard", "responses trends charts", () => import("./pages/dashboard")),
  route("/history", "History", "history", "conversations search export delete", () => import("./pages/history")),
  route("/templates", "Templates", "templates", "prompts variables render", () => import("./pages/templates")),
  {
    ...route("/metrics", "Live metrics", "metrics", "health requests errors models", () => import("./pages/metrics")),
    short: "Metrics",
  },
];

/** Where the app opens. */
export const HOME = "/ask";

/** The page of an address, and what follows its path. */
export function match(path: string): { route: Route; rest: string } | undefined {
  const wanted = path === "/" ? HOME : path.replace(/\/+$/, "");
  for (const one of ROUTES) {
    if (wanted === one.path) return { route: one, rest: "" };
    if (wanted.startsWith(`${one.path}/`)) return { route: one, rest: wanted.slice(one.path.length + 1) };
  }
  return undefined;
}
