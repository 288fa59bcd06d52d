/** The frame around every page: navigation, what is unusual, whether we are connected. */
import { Suspense, useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { type Insight, InsightChange, Severity as Severities } from "../../gen/enhanced_prompt/v1/insights_pb";
import {
  ConnectionStatus,
  needsLook,
  severityName,
  useConnection,
  useInsightChanges,
  useInsights,
} from "../../services";
import { insightPath } from "../addresses";
import { useApp } from "../context";
import { Link, navigate, usePath } from "../router";
import { HOME, match, ROUTES } from "../routes";
import { isDark, setTheme } from "../theme";
import { Icon, Mark } from "../ui/icon";
import { Empty, PageHead, Severity, Skeleton } from "../ui/parts";
import { ErrorBoundary } from "./boundary";
import { MOD, useKeys } from "./keys";
import { OfflineBanner } from "./offline";
import { Palette } from "./palette";
import { ToastArea } from "./toasts";

/** Fired at the window to put the cursor where a question is typed. */
export const FOCUS_QUESTION = "eps:focus-question";

export function Shell() {
  const path = usePath();
  const found = match(path);
  const [commands, setCommands] = useState(false);
  const openCommands = useCallback(() => setCommands(true), []);
  const closeCommands = useCallback(() => setCommands(false), []);
  const onAsk = useCallback(() => {
    if (!location.pathname.startsWith(HOME) && location.pathname !== "/") navigate(HOME);
    // After the page is there.
    requestAnimationFrame(() => setTimeout(() => dispatchEvent(new Event(FOCUS_QUESTION))));
  }, []);
  useKeys({ onAsk, onCommands: openCommands });
  const title = useApp().config.title;
  useEffect(() => {
    document.title = found ? `${found.route.title} · ${title}` : title;
  }, [found, title]);
  return (
    <div className="shell">
      <button type="button" className="skip" onClick={skip}>
        Skip to the page
      </button>
      <Navigation current={found?.route.path} onCommands={openCommands} />
      <main className="main" id="main" tabIndex={-1}>
        <OfflineBanner />
        <ErrorBoundary key={found?.route.path}>
          <Suspense fallback={<Opening title={found?.route.title ?? ""} />}>
            {found ? <found.route.page rest={decodeURIComponent(found.rest)} /> : <Nowhere />}
          </Suspense>
        </ErrorBoundary>
      </main>
      <Palette open={commands} onClose={closeCommands} />
      <ToastArea />
    </div>
  );
}

/** To the page itself, past the navigation; the address stays as it is. */
function skip(): void {
  document.getElementById("main")?.focus();
}

function Navigation({ current, onCommands }: { current: string | undefined; onCommands: () => void }) {
  const { config } = useApp();
  return (
    <nav className="nav" aria-label="Pages">
      <Link className="brand" href={HOME}>
        <Mark />
        <span className="cut">{config.title}</span>
      </Link>
      <button type="button" className="command-hint" onClick={onCommands}>
        <Icon name="search" size={14} />
        Commands
        <kbd>{MOD}K</kbd>
      </button>
      <ul>
        {ROUTES.map((one) => (
          <li key={one.path}>
            <Link
              className="nav-link"
              href={one.path}
              aria-current={one.path === current ? "page" : undefined}
              aria-label={one.short && one.title}
            >
              <Icon name={one.icon} />
              <span className={one.short && "roomy"}>{one.title}</span>
              {one.short && <span className="tight">{one.short}</span>}
              {one.path === "/insights" && <InsightCount />}
            </Link>
          </li>
        ))}
      </ul>
      <Foot />
    </nav>
  );
}

/** How many insights wait for a look; new ones that are urgent are told in a corner. */
function InsightCount() {
  const { insights } = useInsights();
  const { toasts } = useApp();
  const tell = useCallback(
    (insight: Insight, change: InsightChange) => {
      if (change !== InsightChange.CREATED || insight.severity < Severities.HIGH) return;
      if (location.pathname.startsWith("/insights")) return;
      toasts.show(
        <>
          <Severity name={severityName(insight.severity)} />{" "}
          <Link href={insightPath(insight.insightId)}>{insight.title}</Link>
        </>,
      );
    },
    [toasts],
  );
  useInsightChanges(tell);
  const open = insights.filter((one) => needsLook(one));
  if (open.length === 0) return null;
  const urgent = open.some((one) => one.severity >= Severities.HIGH);
  return (
    <span className="count numeric" data-urgent={urgent} title={`${open.length} open`}>
      {open.length > 99 ? "99+" : open.length}
      <span className="hidden-words"> open</span>
    </span>
  );
}

function Foot() {
  const { session } = useApp();
  const [dark, setDark] = useState(isDark);
  const token = useSyncExternalStore(
    (changed) => session.on("change", changed),
    () => session.token,
  );
  const toggle = () => {
    setTheme(dark ? "light" : "dark");
    setDark(!dark);
  };
  return (
    <div className="nav-foot">
      <ConnectionStatus showLatency />
      <div className="row">
        <button
          type="button"
          className="button plain square"
          aria-label={dark ? "Light appearance" : "Dark appearance"}
          onClick={toggle}
        >
          <Icon name={dark ? "sun" : "moon"} />
        </button>
        {token ? (
          <button type="button" className="button plain square" aria-label="Sign out" onClick={() => session.signOut()}>
            <Icon name="out" />
          </button>
        ) : (
          <Link className="button plain square" href="/sign-in" aria-label="Sign in">
            <Icon name="user" />
          </Link>
        )}
      </div>
    </div>
  );
}

function Opening({ title }: { title: string }) {
  return (
    <>
      <PageHead title={title} />
      <div className="page-body">
        <div className="page-inner">
          <Skeleton lines={4} />
        </div>
      </div>
    </>
  );
}

function Nowhere() {
  const { isConnected } = useConnection();
  return (
    <>
      <PageHead title="Nothing here" />
      <div className="page-body">
        <Empty icon="search" title="There is no page at this address">
          <p>
            {isConnected ? "It may have moved, or the link has a typing error." : "And the service can't be reached."}
          </p>
          <Link className="button" href={HOME}>
            Ask a question
          </Link>
        </Empty>
      </div>
    </>
  );
}
