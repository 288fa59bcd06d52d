/** The app: signed in or not, live, warm, with its pages. */
import { lazy, Suspense, useEffect, useSyncExternalStore } from "react";
import { RealtimeProvider } from "../services";
import { type App, AppContext } from "./context";
import { keepWarm } from "./prewarm";
import { usePath } from "./router";
import { Shell } from "./shell/shell";

const SignIn = lazy(() => import("./pages/sign-in"));

export function Root({ app }: { app: App }) {
  const refused = useSyncExternalStore(
    (changed) => app.session.on("change", changed),
    () => app.session.refused,
  );
  const path = usePath();
  useEffect(() => {
    const minutes = app.config.idle_minutes_before_prewarm;
    return keepWarm(app.client, app.realtime.link, minutes * 60_000);
  }, [app]);
  const signingIn = refused !== undefined || path === "/sign-in";
  return (
    <AppContext value={app}>
      <RealtimeProvider realtime={app.realtime}>
        {signingIn ? (
          <Suspense fallback={null}>
            <SignIn reason={refused ?? ""} />
          </Suspense>
        ) : (
          <Shell />
        )}
      </RealtimeProvider>
    </AppContext>
  );
}
