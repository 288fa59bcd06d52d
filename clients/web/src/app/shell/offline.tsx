/** The strip above a page while the service can't be reached: what that means, and when we try next. */
import { useEffect, useState } from "react";
import { useConnection } from "../../services";
import { Icon } from "../ui/icon";

const PATIENCE_MS = 400; // a page that has just been opened is not offline yet

export function OfflineBanner() {
  const { connectionState, retryAt, retryNow } = useConnection();
  const away = connectionState === "reconnecting" || connectionState === "failed";
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!away) return setShown(false);
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [away]);
  if (!shown) return null;
  return (
    <div className="banner" role="alert">
      <Icon name="offline" />
      <span className="grow">
        <strong>The service can't be reached.</strong> What you ask now waits, and is sent once as soon as it can.
      </span>
      <span className="quiet numeric" aria-hidden="true">
        <Countdown until={retryAt} />
      </span>
      <button type="button" className="button" onClick={retryNow}>
        Try now
      </button>
    </div>
  );
}

function Countdown({ until }: { until: number | undefined }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  if (until === undefined) return "not trying";
  return `next try in ${Math.max(0, Math.ceil((until - now) / 1000))} s`;
}
