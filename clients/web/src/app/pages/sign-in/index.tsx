/** Signing in: a token, tried before it is kept. */
import "./sign-in.css";
import { type FormEvent, useState } from "react";
import { EnhancedPromptClient, toError } from "../../../client";
import { HistoryService } from "../../../gen/enhanced_prompt/v1/history_service_pb";
import { useApp } from "../../context";

import { navigate } from "../../router";
import { HOME } from "../../routes";
import { Icon, Mark } from "../../ui/icon";

export default function SignIn({ reason }: { reason: string }) {
  const app = useApp();
  const [token, setToken] = useState("");
  const [keep, setKeep] = useState(false);
  const [trying, setTrying] = useState(false);
  const [failure, setFailure] = useState("");

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const given = token.trim().replace(/^Bearer\s+/i, "");
    if (!given) return;
    setTrying(true);
    setFailure("");
    try {
      const client = new EnhancedPromptClient({ baseUrl: app.config.url, token: given });
      await client.unary(HistoryService.method.listConversations, { pageSize: 1 });
      app.session.signIn(given, keep);
      app.realtime.retryRefused();
      if (location.pathname === "/sign-in") navigate(HOME, { replace: true });
    } catch (thrown) {
      const error = toError(thrown);
      setFailure(error.unauthenticated ? "The service does not accept this token." : error.message);
    } finally {
      setTrying(false);
    }
  };
  const said = failure || reason;
  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit}>
        <div className="sign-in-mark">
          <Mark />
        </div>
        <h1>{app.config.title}</h1>
        <p className="quiet">Paste the token that your administrator or identity provider gave you.</p>
        {said && (
          <div className="note bad" role="alert">
            <Icon name="warning" />
            <div>{said}</div>
          </div>
        )}
        <label htmlFor="token">Token</label>
        <textarea
          id="token"
          className="field mono"
          rows={4}
          autoComplete="off"
          spellCheck={false}
          value={token}
          onChange={(event) => setToken(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              event.currentTarget.form?.requestSubmit();
            }
          }}
        />
        <label className="check">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} />
          Keep me signed in on this device
        </label>
        <button type="submit" className="button primary" disabled={trying || !token.trim()}>
          {trying ? "Trying …" : "Sign in"}
        </button>
        {reason === "" && location.pathname === "/sign-in" && (
          <button type="button" className="button plain" onClick={() => navigate(HOME)}>
            Go on without
          </button>
        )}
      </form>
    </main>
  );
}
