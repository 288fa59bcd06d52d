package enhanced_prompt.client;

import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.Iterator;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * One long stream. A service that was silent for too long counts as gone; one that says go_away
 * goes on delivering for a while, and the next stream goes elsewhere.
 */
final class Stream<A> implements AutoCloseable {
  private final Client client;
  private final Predicate<A> goAway;
  private final ManagedChannel used;
  private final Context.CancellableContext context = Context.current().withCancellation();
  private final Iterator<A> answers;

  <Q> Stream(Client client, MethodDescriptor<Q, A> method, Q request, Predicate<A> goAway) {
    this.client = client;
    this.goAway = goAway;
    this.used = client.newest();
    Context before = context.attach();
    try {
      answers =
          ClientCalls.blockingServerStreamingCall(client, method, CallOptions.DEFAULT, request);
    } finally {
      context.detach(before);
    }
  }

  /** The next message, null at the end of the stream. Throws StatusRuntimeException. */
  A next() {
    ScheduledFuture<?> silent =
        client.timer.schedule(
            () -> context.cancel(null), client.options.silence().toMillis(), TimeUnit.MILLISECONDS);
    try {
      if (!answers.hasNext()) {
        return null;
      }
      A message = answers.next();
      if (goAway.test(message)) {
        client.leave(used);
      }
      return message;
    } finally {
      silent.cancel(false);
    }
  }

  /** Ends the call, whatever its state. From any thread. */
  @Override
  public void close() {
    context.cancel(null);
  }

  static StatusRuntimeException cancelled() {
    return io.grpc.Status.CANCELLED.withDescription("closed by its reader").asRuntimeException();
  }

  /** Waits; an interrupt ends it, and the reading with it. */
  static void pause(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw cancelled();
    }
  }
}
