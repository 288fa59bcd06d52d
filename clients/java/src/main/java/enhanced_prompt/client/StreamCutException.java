package enhanced_prompt.client;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/**
 * A turn's stream ended without its closing frame and could not be continued. Asking the same with
 * {@link #requestId} joins the turn.
 */
public final class StreamCutException extends StatusRuntimeException {
  private static final long serialVersionUID = 1L;

  public final String turnId;
  public final String requestId;
  public final int attempt;
  public final long lastSequence;

  StreamCutException(
      String why,
      String turnId,
      String requestId,
      int attempt,
      long lastSequence,
      StatusRuntimeException cause) {
    super(
        Status.UNAVAILABLE
            .withDescription(
                "the stream of turn \"" + turnId + "\" was cut: " + why
                    + (cause == null ? "" : " (" + cause.getMessage() + ")"))
            .withCause(cause));
    this.turnId = turnId;
    this.requestId = requestId;
    this.attempt = attempt;
    this.lastSequence = lastSequence;
  }
}
