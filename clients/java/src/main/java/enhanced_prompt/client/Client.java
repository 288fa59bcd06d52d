package enhanced_prompt.client;

import enhanced_prompt.v1.InsightServiceOuterClass.SubscribeInsightsRequest;
import enhanced_prompt.v1.PromptServiceOuterClass.AskRequest;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A connection to the service that outlives the service's processes. It is a {@link Channel}, for
 * the generated stubs of every RPC. Safe for use by many threads.
 *
 * <p>A process that stops refuses new calls on a connection that it has, while its neighbours
 * behind the same address would take them. So a client leaves such a connection: the next call
 * makes a new one, and the old one is closed when its last call has ended.
 */
public final class Client extends Channel implements AutoCloseable {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final int MAX_MESSAGE_BYTES = 16 << 20;

  final Options options;
  final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          work -> {
            Thread thread = new Thread(work, "enhanced-prompt-timer");
            thread.setDaemon(true);
            return thread;
          });
  private final String target;
  private ManagedChannel current;

  /** Connects with the first call; the target is as in ManagedChannelBuilder. */
  public Client(String target, Options options) {
    this.target = target;
    this.options = options;
    this.current = connect();
  }

  /** For a service on this machine. */
  public Client(String target) {
    this(target, Options.LOCAL);
  }

  /** Ask a question; iterate over what is returned. */
  public Turn ask(AskRequest request) {
    return new Turn(this, request);
  }

  /** Follow the log of insights from the place that the request names, for ever. */
  public Subscription subscribeInsights(SubscribeInsightsRequest request) {
    return new Subscription(this, request);
  }

  @Override
  public <Q, A> ClientCall<Q, A> newCall(MethodDescriptor<Q, A> method, CallOptions callOptions) {
    ManagedChannel used = newest();
    return new SimpleForwardingClientCall<>(used.newCall(method, callOptions)) {
      @Override
      public void start(Listener<A> listener, Metadata headers) {
        if (!options.token().isEmpty()) {
          headers.put(AUTHORIZATION, "Bearer " + options.token());
        }
        super.start(
            new SimpleForwardingClientCallListener<>(listener) {
              @Override
              public void onClose(Status status, Metadata trailers) {
                if (Failures.reason(status, trailers).equals(Failures.DRAINING)) {
                  leave(used);
                }
                super.onClose(status, trailers);
              }
            },
            headers);
      }
    };
  }

  @Override
  public String authority() {
    return newest().authority();
  }

  /** Ends all calls. */
  @Override
  public synchronized void close() {
    current.shutdownNow();
    timer.shutdownNow();
  }

  synchronized ManagedChannel newest() {
    return current;
  }

  /** Lets the next call use a new connection, where this one is still the newest. */
  synchronized void leave(ManagedChannel used) {
    if (used == current && !used.isShutdown()) {
      current = connect();
      used.shutdown(); // what runs on it may end
    }
  }

  private ManagedChannel connect() {
    ManagedChannelBuilder<?> builder =
        ManagedChannelBuilder.forTarget(target)
            .keepAliveTime(30, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .maxInboundMessageSize(MAX_MESSAGE_BYTES);
    return (options.plaintext() ? builder.usePlaintext() : builder).build();
  }
}
