/**
 * Ask what cameras saw and follow what is unusual. Messages and services are generated; import
 * them from "enhanced-prompt-client/v1/prompt_service" and so on.
 */

export { Client } from "./client.js";
export { CallFailed, DOMAIN, StreamCut } from "./errors.js";
export { subscribeInsights, type Update } from "./insights.js";
export type { Options, Retry } from "./options.js";
export { ask, Turn } from "./turn.js";
