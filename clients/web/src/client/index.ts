/**
 * `@enhanced-prompt/client`: the service from a browser, or from anything that has fetch.
 *
 *     const client = new EnhancedPromptClient({ baseUrl: "https://prompt.example" });
 *     for await (const frame of client.ask("what happened in camera 3 today?")) { … }
 *
 * It knows nothing of React. Messages and services come from `../gen`, made out of the contract.
 */
export { Code } from "@connectrpc/connect";
export { type CallOptions, type ClientOptions, EnhancedPromptClient, type Question } from "./client";
export { CallCancelled, EnhancedPromptError, type FieldViolation, isNotFound, StreamCut, toError } from "./errors";
export { followInsights, InsightFlow, type InsightUpdate, type SubscribeOptions } from "./insights";
export { QUIET_MS } from "./liveness";
export { BACKOFF, type Backoff, REATTACH, RETRY, type Retry, reconnectWait, retryWait, sleep } from "./retry";
export { createTransport, type TokenSource, type TransportOptions } from "./transport";
export { type ClosingFrame, type TurnCall, TurnFlow, type TurnFlowOptions } from "./turn";
export { TurnStream } from "./turn-stream";
