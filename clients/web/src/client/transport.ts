/** grpc-web as the gateway speaks it, with who is asking. */
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

/** A bearer token, or where to get the present one; undefined for none. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

export interface TransportOptions {
  /** The gateway, such as "https://prompt.example"; the page's own origin by default. */
  baseUrl?: string | undefined;
  token?: TokenSource | undefined;
  /** Sent with every call; names in lower case. */
  headers?: Record<string, string> | undefined;
  /** For tests, and for places where fetch is not the global one. */
  fetch?: typeof globalThis.fetch | undefined;
  interceptors?: Interceptor[] | undefined;
}

/** A transport of Connect-ES. */
export function createTransport(options: TransportOptions = {}): Transport {
  return createGrpcWebTransport({
    baseUrl: baseUrlOf(options.baseUrl),
    interceptors: [identify(options), ...(options.interceptors ?? [])],
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
}

/** Without a slash at its end; the page's own origin where none is given. */
export function baseUrlOf(given: string | undefined): string {
  const chosen = given || (typeof location === "undefined" ? "" : location.origin);
  return chosen.replace(/\/+$/, "");
}

function identify(options: TransportOptions): Interceptor {
  return (next) => async (request) => {
    for (const [name, value] of Object.entries(options.headers ?? {})) request.header.set(name, value);
    const token = typeof options.token === "function" ? await options.token() : options.token;
    if (token) request.header.set("authorization", `Bearer ${token}`);
    return await next(request);
  };
}
