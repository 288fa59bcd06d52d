package enhanced_prompt.client;

import enhanced_prompt.v1.InsightServiceGrpc;
import enhanced_prompt.v1.InsightServiceOuterClass.SubscribeInsightsRequest;
import enhanced_prompt.v1.InsightServiceOuterClass.SubscribeInsightsResponse;
import enhanced_prompt.v1.Insights.InsightRevision;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.Optional;

/**
 * The log of insights from a place on, for ever: close it to end it. Cuts and restarts of the
 * service are survived: the next stream goes on behind the last message. Throws
 * StatusRuntimeException where the place is not kept any more (CURSOR_OUT_OF_RANGE,
 * SUBSCRIBER_TOO_SLOW), and where no server was ever there.
 */
public final class Subscription
    implements Iterable<Subscription.Update>, Iterator<Subscription.Update>, AutoCloseable {
  /**
   * One message of the log.
   *
   * @param revision the entry; empty where only the place moved: while nothing happens it stays
   *     young so
   * @param resumeToken the place after it. Kept in the same commit as what was done with the entry,
   *     it gives each entry exactly once
   */
  public record Update(Optional<InsightRevision> revision, String resumeToken) {}

  private final Client client;
  private final SubscribeInsightsRequest.Builder request;
  private volatile boolean closed;
  private volatile Stream<SubscribeInsightsResponse> stream;
  private int failed;
  // Where nothing was ever heard, a server that is not there is the caller's to know of.
  private boolean patient;

  Subscription(Client client, SubscribeInsightsRequest request) {
    this.client = client;
    this.request = request.toBuilder();
    this.patient = request.hasResumeToken();
  }

  @Override
  public Iterator<Update> iterator() {
    return this;
  }

  /** Whether it is still open. */
  @Override
  public boolean hasNext() {
    return !closed;
  }

  /** Waits for the next message. Throws StatusRuntimeException. */
  @Override
  public Update next() {
    for (; ; ) {
      StatusRuntimeException endedWith = null;
      try {
        if (stream == null) {
          stream = open();
          if (closed) {
            stream.close();
          }
        }
        SubscribeInsightsResponse message = stream.next();
        if (message != null) {
          return take(message);
        }
      } catch (StatusRuntimeException error) {
        endedWith = error;
      }
      stream.close();
      stream = null;
      if (closed) {
        throw Stream.cancelled();
      }
      Stream.pause(waitAfter(endedWith));
    }
  }

  @Override
  public void close() {
    closed = true;
    Stream<?> open = stream;
    if (open != null) {
      open.close();
    }
  }

  private Stream<SubscribeInsightsResponse> open() {
    return new Stream<>(
        client,
        InsightServiceGrpc.getSubscribeInsightsMethod(),
        request.build(),
        SubscribeInsightsResponse::hasGoAway);
  }

  private Update take(SubscribeInsightsResponse message) {
    failed = 0;
    patient = true;
    request.setResumeToken(message.getResumeToken());
    InsightRevision revision = message.hasRevision() ? message.getRevision() : null;
    return new Update(Optional.ofNullable(revision), message.getResumeToken());
  }

  private long waitAfter(StatusRuntimeException error) {
    failed++;
    if (error != null && !Failures.broken(error) && !Failures.retryable(error)) {
      throw error;
    }
    long retryAfter = error == null ? 0 : Failures.retryAfter(error);
    if (error != null && !patient) {
      long wait = client.options.retry().waitAfter(failed, retryAfter);
      if (wait < 0) {
        throw error;
      }
      return wait;
    }
    return Math.max(client.options.reattach().jittered(failed), retryAfter);
  }
}
