/** The cheapest question of all: is anybody there? grpc.health.v1.Health/Check with nothing in it. */
import { Code } from "@connectrpc/connect";
import { EnhancedPromptError } from "./errors";

const NOTHING = new Uint8Array(5); // one message of no bytes, as grpc-web frames it
const TIMEOUT_MS = 10_000;

/** Milliseconds to the service and back. Rejects where none answers within 10 s. */
export async function ping(
  baseUrl: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
  signal?: AbortSignal,
): Promise<number> {
  const began = performance.now();
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const answer = await fetch(`${baseUrl}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
      body: NOTHING,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const body = new Uint8Array(await answer.arrayBuffer());
    // A message came where the service spoke; a gateway without one sends a status alone.
    if (!answer.ok || body.length < NOTHING.length || body[0] !== 0) throw new Error(`no service behind ${baseUrl}`);
  } catch (thrown) {
    throw new EnhancedPromptError("the service can't be reached", {
      code: Code.Unavailable,
      unreached: true,
      cause: thrown,
    });
  }
  return performance.now() - began;
}
