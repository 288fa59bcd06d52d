/** The React side of what is live: one provider around the app, hooks below it. */
import { createContext, type ReactNode, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { EnhancedPromptClient, type EnhancedPromptError, type TokenSource } from "../client";
import { Realtime, type RealtimeConfig } from "./realtime";

export interface RealtimeProviderConfig extends Partial<RealtimeConfig> {
  /** The gateway; the page's own origin by default. */
  url?: string;
  token?: TokenSource;
}

export interface RealtimeProviderProps {
  children: ReactNode;
  /** Read once, when the provider is mounted. */
  config?: RealtimeProviderConfig;
  /** Instead of making one from `config`: the app's own. It is started and stopped here. */
  realtime?: Realtime;
  onConnect?: () => void;
  onDisconnect?: (reason: string) => void;
  onError?: (error: EnhancedPromptError) => void;
  onReconnecting?: (attempt: number) => void;
}

const Context = createContext<Realtime | undefined>(undefined);

export function RealtimeProvider({ children, config, realtime, ...callbacks }: RealtimeProviderProps) {
  const [live] = useState(() => realtime ?? makeRealtime(config));
  const latest = useRef(callbacks);
  latest.current = callbacks;
  useEffect(() => {
    const { link } = live;
    const stops = [
      link.on("connect", () => latest.current.onConnect?.()),
      link.on("disconnect", (reason) => latest.current.onDisconnect?.(reason)),
      link.on("error", (error) => latest.current.onError?.(error)),
      link.on("reconnecting", (attempt) => latest.current.onReconnecting?.(attempt)),
      live.on("refused", (_, error) => latest.current.onError?.(error)),
    ];
    live.start();
    return () => {
      live.stop();
      for (const stop of stops) stop();
    };
  }, [live]);
  return <Context value={live}>{children}</Context>;
}

function makeRealtime(config: RealtimeProviderConfig = {}): Realtime {
  const client = new EnhancedPromptClient({ baseUrl: config.url, token: config.token });
  return new Realtime(client, config);
}

/** The live side of the page. Throws outside of a provider. */
export function useRealtime(): Realtime {
  const found = useContext(Context);
  if (!found) throw new Error("there is no RealtimeProvider around this component");
  return found;
}

/** The client of the provider, for calls. */
export function useClient(): EnhancedPromptClient {
  return useRealtime().client;
}

/** Something of the live side that is read anew with each change of it. It must be a plain value. */
export function useLive<Value extends string | number | boolean | undefined>(
  read: (realtime: Realtime) => Value,
): Value {
  const realtime = useRealtime();
  return useSyncExternalStore(
    (changed) => realtime.on("change", changed),
    () => read(realtime),
  );
}
