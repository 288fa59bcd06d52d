package enhanced_prompt.client;

import enhanced_prompt.v1.PromptServiceOuterClass.AskRequest;
import enhanced_prompt.v1.PromptServiceOuterClass.WatchTurnRequest;
import enhanced_prompt.v1.Turns.TurnFailed;
import enhanced_prompt.v1.Turns.TurnFrame;
import enhanced_prompt.v1.Turns.TurnReset;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Queue;

/**
 * Reading a turn, without any input or output: what to call, what a frame means, when to stop. The
 * rules are those of clients/python (_turn.py):
 *
 * <pre>
 * before the first frame    Ask again, with the same request_id
 * after it                  WatchTurn from the last sequence; on NOT_FOUND Ask again
 * its runner went away      Ask again: that runs the next attempt, which begins with a reset
 * </pre>
 */
final class TurnFlow {
  /** The turn is over. */
  static final long OVER = -1;

  final AskRequest request;
  final StringBuilder text = new StringBuilder();
  String turnId = "";
  String conversationId;
  int attempt;
  long lastSequence;
  TurnFrame closing;
  private final Retry retry;
  private final Retry reattach;
  private boolean asks = true; // whether the next call is Ask
  private int tries;
  private TurnFailed gone;
  private int runs; // attempts whose runner went away

  TurnFlow(AskRequest request, Retry retry, Retry reattach) {
    this.request = request;
    this.retry = retry;
    this.reattach = reattach;
    this.conversationId = request.getConversationId();
  }

  /** The request of WatchTurn, null where Ask is to be called. */
  WatchTurnRequest watch() {
    tries++;
    if (asks) {
      return null;
    }
    return WatchTurnRequest.newBuilder()
        .setTurnId(turnId)
        .setAttempt(attempt)
        .setAfterSequence(lastSequence)
        .setDetail(request.getDetail())
        .addAllFrameKinds(request.getFrameKindsList())
        .build();
  }

  /**
   * Adds the frames to show for one that came: mostly itself, none for what was seen before. Throws
   * StreamCutException where a frame is missing.
   */
  void take(TurnFrame raw, Queue<TurnFrame> shown) {
    if (closing != null || gone != null) {
      return;
    }
    if (!turnId.isEmpty() && !raw.getTurnId().equals(turnId)) {
      shown.add(anew(raw));
    }
    turnId = raw.getTurnId();
    if (raw.getSequence() != 0 && !follows(raw)) {
      return;
    }
    int triedBefore = tries;
    tries = 0;
    switch (raw.getPayloadCase()) {
      case STARTED -> conversationId = raw.getStarted().getConversationId();
      case TEXT_DELTA -> text.append(raw.getTextDelta().getText());
      case RESET, TEXT_WITHDRAWN -> text.setLength(0);
      case COMPLETED, CANCELLED -> {
        closing = raw;
        if (raw.getReplayed()) { // it stands for deltas that did not come
          text.setLength(0);
          text.append(
              raw.hasCompleted()
                  ? raw.getCompleted().getResponse().getResponse()
                  : raw.getCancelled().getResponse().getResponse());
        }
      }
      case FAILED -> {
        TurnFailed failed = raw.getFailed();
        String reason = Failures.reason(failed.getStatus());
        if (failed.getRetryable()
            && (reason.equals("RUNNER_LOST") || reason.equals(Failures.DRAINING))) {
          gone = failed;
          return;
        }
        if (failed.getRetryable() && raw.getSequence() == 0 && !raw.getReplayed()) {
          // No part of the turn: it speaks of the way to it, and so does the status that the
          // stream now ends with.
          tries = triedBefore;
          return;
        }
        closing = raw;
      }
      default -> {}
    }
    shown.add(raw);
  }

  /**
   * What the end of a stream means: milliseconds to wait before the next call, or OVER. The error
   * is null for OK. Throws what to give up with.
   */
  long after(StatusRuntimeException error) {
    if (gone != null) {
      runs++;
      long wait = reattach.waitAfter(runs, Failures.retryAfter(gone.getStatus()));
      if (wait < 0) {
        throw failure(gone);
      }
      gone = null;
      asks = true;
      return wait;
    }
    if (closing != null) {
      if (closing.hasFailed()) {
        throw failure(closing.getFailed());
      }
      return OVER; // whatever happened to the connection after it is of no interest
    }
    boolean watched = !asks;
    asks = turnId.isEmpty();
    if (watched && error != null && error.getStatus().getCode() == Status.Code.NOT_FOUND) {
      asks = true;
    } else if (error != null
        && !Failures.retryable(error)
        && (turnId.isEmpty() || !Failures.broken(error))) {
      throw error;
    }
    boolean refused = error != null && Failures.reason(error).equals(Failures.DRAINING);
    Retry patience = !turnId.isEmpty() || refused ? reattach : retry;
    long retryAfter = error == null ? 0 : Failures.retryAfter(error);
    long wait = patience.waitAfter(Math.max(tries, 1), retryAfter);
    if (wait >= 0) {
      return wait;
    }
    if (error != null && (turnId.isEmpty() || error instanceof StreamCutException)) {
      throw error;
    }
    throw cut(tries + " times in a row nothing came of it", error);
  }

  /** Asking again made another turn: the first one is not there any more. */
  private TurnFrame anew(TurnFrame raw) {
    attempt = 0;
    lastSequence = 0;
    text.setLength(0);
    return TurnFrame.newBuilder()
        .setTurnId(raw.getTurnId())
        .setAttempt(raw.getAttempt())
        .setReset(TurnReset.newBuilder().setAttempt(raw.getAttempt()))
        .build();
  }

  /** Notes a frame's place; false for one that was seen. */
  private boolean follows(TurnFrame raw) {
    boolean same = raw.getAttempt() == attempt;
    if (raw.getAttempt() < attempt || same && raw.getSequence() <= lastSequence) {
      return false;
    }
    long expected = same ? lastSequence : 0;
    if (raw.getPreviousSequence() != expected) {
      String why =
          "frame %d follows %d, not %d"
              .formatted(raw.getSequence(), raw.getPreviousSequence(), expected);
      throw cut(why, null);
    }
    attempt = raw.getAttempt();
    lastSequence = raw.getSequence();
    return true;
  }

  private StreamCutException cut(String why, StatusRuntimeException cause) {
    return new StreamCutException(
        why, turnId, request.getRequestId(), attempt, lastSequence, cause);
  }

  private static StatusRuntimeException failure(TurnFailed failed) {
    return StatusProto.toStatusRuntimeException(failed.getStatus());
  }
}
