/**
 * What calls reject with: one class, the contract's `ErrorReason` in it.
 *
 * The service answers a failed call with a `google.rpc.Status` that holds exactly one `ErrorInfo`.
 * Decide by `reason`, and by `code` for reasons that this version does not know; `message` is for
 * people.
 */

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb";
import { type AnyUnpackable, findDetail } from "./details";

const DOMAIN = "enhanced-prompt.v1";
const PREFIX = "ERROR_REASON_";

/** A field that was refused: its path (`filter.cameras[3]`) and why, with the limit. */
export interface FieldViolation {
  field: string;
  description: string;
}

interface Said {
  code: Code;
  reason?: string;
  retryable?: boolean;
  retryAfterMs?: number;
  fieldViolations?: FieldViolation[];
  metadata?: Record<string, string>;
  requestId?: string;
  unreached?: boolean;
  cause?: unknown;
}

/** Any failure of a call. */
export class EnhancedPromptError extends Error {
  /** The gRPC status. */
  readonly code: Code;
  /** The `ErrorReason` without its prefix, such as "TURN_IN_PROGRESS"; "" where none was given. */
  readonly reason: string;
  /** Repeating the call may help and does no harm. */
  readonly retryable: boolean;
  /** When the service wants to be asked again, in milliseconds; undefined where it did not say. */
  readonly retryAfterMs: number | undefined;
  readonly fieldViolations: FieldViolation[];
  /** The ErrorInfo's: `turn_id`, `incident_id`, `earliest_resume_token` and others. */
  readonly metadata: Record<string, string>;
  /** Finds the call in the service's log; "" where it is not known. */
  readonly requestId: string;
  /** No service was reached, or the connection to it broke. */
  readonly unreached: boolean;

  constructor(message: string, said: Said) {
    super(message, said.cause === undefined ? undefined : { cause: said.cause });
    this.name = "EnhancedPromptError";
    this.code = said.code;
    this.reason = said.reason ?? "";
    this.retryable = said.retryable ?? said.code === Code.Unavailable;
    this.retryAfterMs = said.retryAfterMs;
    this.fieldViolations = said.fieldViolations ?? [];
    this.metadata = said.metadata ?? {};
    this.requestId = said.requestId ?? "";
    this.unreached = said.unreached ?? false;
  }

  /** Whether signing in anew is what helps. */
  get unauthenticated(): boolean {
    return this.code === Code.Unauthenticated;
  }
}

/** A turn's stream ended without its closing frame, and attaching again did not help. */
export class StreamCut extends EnhancedPromptError {
  constructor(
    message: string,
    readonly turnId: string,
    readonly attempt: number,
    readonly lastSequence: bigint,
    cause?: unknown,
  ) {
    super(message, { code: Code.Unavailable, unreached: true, cause });
    this.name = "StreamCut";
  }
}

/** Somebody stopped the call, or the turn that it waited for. */
export class CallCancelled extends EnhancedPromptError {
  constructor(message = "the call was cancelled") {
    super(message, { code: Code.Canceled });
    this.name = "CallCancelled";
  }
}

/** Not found: there is no such thing, or it is not yours. */
export function isNotFound(error: unknown): boolean {
  return error instanceof EnhancedPromptError && error.code === Code.NotFound;
}

/** The error for whatever a call threw. `signal` is the caller's, to tell a cancelling from a cut. */
export function toError(thrown: unknown, signal?: AbortSignal): EnhancedPromptError {
  if (thrown instanceof EnhancedPromptError) return thrown;
  if (signal?.aborted) return new CallCancelled();
  const error = ConnectError.from(thrown);
  const requestId = error.metadata.get("x-request-id") ?? "";
  const found = fromDetails(error.code, error.rawMessage, error.details as AnyUnpackable[], requestId);
  if (found) return found;
  // The service always says why. Without that, a broken connection or a proxy in between spoke.
  const unreached =
    error.code === Code.Unavailable ||
    error.code === Code.Canceled ||
    error.code === Code.Unknown ||
    !error.isWireError;
  if (unreached && error.code !== Code.DeadlineExceeded) {
    return new EnhancedPromptError("the service can't be reached", {
      code: Code.Unavailable,
      unreached: true,
      requestId,
      cause: thrown,
    });
  }
  return new EnhancedPromptError(error.rawMessage || Code[error.code], { code: error.code, requestId, cause: thrown });
}

/** The error for a `google.rpc.Status`, as `failed` frames carry it. */
export function fromStatus(status: { code: number; message: string; details: AnyUnpackable[] }): EnhancedPromptError {
  const code = status.code in Code ? (status.code as Code) : Code.Unknown;
  return (
    fromDetails(code, status.message, status.details, "") ??
    new EnhancedPromptError(status.message || Code[code], { code })
  );
}

function fromDetails(
  code: Code,
  message: string,
  details: AnyUnpackable[],
  requestId: string,
): EnhancedPromptError | undefined {
  const info = findDetail(details, ErrorInfoSchema);
  if (info?.domain !== DOMAIN) return undefined;
  const bad = findDetail(details, BadRequestSchema);
  const delay = findDetail(details, RetryInfoSchema)?.retryDelay;
  return new EnhancedPromptError(message || Code[code], {
    code,
    reason: info.reason.startsWith(PREFIX) ? info.reason.slice(PREFIX.length) : info.reason,
    retryable: code === Code.Unavailable || info.reason.endsWith("CANCELLED"),
    retryAfterMs: delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    fieldViolations: (bad?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    metadata: { ...info.metadata },
    requestId: requestId || info.metadata.request_id || "",
  });
}
