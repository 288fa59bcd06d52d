/** What calls throw: the service's status with its reason, or the place at which a stream was cut. */

import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { status as Code, type ServiceError as RpcError } from "@grpc/grpc-js";

import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema, type Status } from "./gen/google/rpc/status_pb.js";

/** Domain of the reasons in a status of this service. */
export const DOMAIN = "enhanced-prompt.v1";
export const DRAINING = "DRAINING";

/** A call that failed. Decide by `reason`, and by `code` for reasons that you do not know. */
export class CallFailed extends Error {
  override readonly name: string = "CallFailed";

  constructor(
    readonly code: Code,
    message: string,
    /** Name of the ErrorReason without its prefix; "" where no service of ours spoke. */
    readonly reason = "",
    /** What the service says about it, such as `turn_id`. */
    readonly metadata: Readonly<Record<string, string>> = {},
    /** Milliseconds that the service asks to wait; 0 where it did not say. */
    readonly retryAfter = 0,
    readonly status?: Status,
  ) {
    super(message);
  }

  /** Whether repeating the call may help and does no harm. */
  get retryable(): boolean {
    switch (this.code) {
      case Code.UNAVAILABLE:
        return true;
      case Code.ABORTED: // a stopping server gave the call up
        return this.reason === "CANCELLED";
      case Code.CANCELLED: // not by us, who would know: it crossed a server's farewell
        return this.reason === "";
      default:
        return false;
    }
  }

  /** Whether it looks like a connection that broke, when no server said why. */
  get broken(): boolean {
    const codes = [Code.UNAVAILABLE, Code.UNKNOWN, Code.INTERNAL, Code.CANCELLED];
    return this.reason === "" && codes.includes(this.code);
  }
}

/**
 * A turn's stream ended without its closing frame and could not be continued. Asking the same with
 * `requestId` joins the turn.
 */
export class StreamCut extends CallFailed {
  override readonly name = "StreamCut";

  constructor(
    why: string,
    readonly turnId: string,
    readonly requestId: string,
    readonly attempt: number,
    readonly lastSequence: bigint,
    override readonly cause?: unknown,
  ) {
    const because = cause instanceof Error ? ` (${cause.message})` : "";
    super(Code.UNAVAILABLE, `the stream of turn "${turnId}" was cut: ${why}${because}`);
  }
}

/** The error for a status, as `failed` frames and the trailers of failed calls carry it. */
export function fromStatus(status: Status): CallFailed {
  let reason = "";
  let metadata: Record<string, string> = {};
  let retryAfter = 0;
  for (const detail of status.details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info?.domain === DOMAIN) ({ reason, metadata } = info);
    const retry = anyUnpack(detail, RetryInfoSchema);
    if (retry?.retryDelay) retryAfter = durationMs(retry.retryDelay);
  }
  return new CallFailed(status.code, status.message, reason, metadata, retryAfter, status);
}

/** The error for whatever a call of grpc-js threw. */
export function fromRpc(raised: unknown): unknown {
  if (!isRpcError(raised)) return raised;
  const [packed] = raised.metadata.get("grpc-status-details-bin");
  if (packed instanceof Buffer) {
    try {
      return fromStatus(fromBinary(StatusSchema, packed));
    } catch {
      // Details that cannot be read do not make the failure less of one.
    }
  }
  return new CallFailed(raised.code, raised.details);
}

function isRpcError(raised: unknown): raised is RpcError {
  return raised instanceof Error && "metadata" in raised && "code" in raised;
}

