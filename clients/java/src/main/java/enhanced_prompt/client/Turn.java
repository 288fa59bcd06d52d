package enhanced_prompt.client;

import enhanced_prompt.v1.Answers.PromptResponse;
import enhanced_prompt.v1.PromptServiceGrpc;
import enhanced_prompt.v1.PromptServiceOuterClass.AskRequest;
import enhanced_prompt.v1.PromptServiceOuterClass.AskResponse;
import enhanced_prompt.v1.PromptServiceOuterClass.WatchTurnRequest;
import enhanced_prompt.v1.PromptServiceOuterClass.WatchTurnResponse;
import enhanced_prompt.v1.Turns.TurnFrame;
import io.grpc.StatusRuntimeException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;

/**
 * A question, and its turn as it happens. Iterating asks it and gives the turn's frames, up to the
 * closing one, each once; do it once, on one thread.
 *
 * <p>A connection that breaks is not seen. Where a new attempt had to begin its first frame is a
 * {@code reset}, which withdraws what came before, as {@code text_withdrawn} does with the text. A
 * failed turn gives its {@code failed} frame and then throws its error; a {@link
 * StreamCutException} says that attaching again was in vain. Closing, from any thread, ends the
 * reading; whether the turn itself then goes on is what {@code on_disconnect} says.
 */
public final class Turn implements Iterable<TurnFrame>, Iterator<TurnFrame>, AutoCloseable {
  private final Client client;
  private final TurnFlow flow;
  private final Queue<TurnFrame> ready = new ArrayDeque<>();
  private volatile boolean closed;
  private volatile Stream<?> stream;
  private boolean over;

  Turn(Client client, AskRequest request) {
    AskRequest asked = request;
    if (asked.getRequestId().isEmpty()) { // with which the turn is joined again
      asked = asked.toBuilder().setRequestId(UUID.randomUUID().toString()).build();
    }
    this.client = client;
    this.flow = new TurnFlow(asked, client.options.retry(), client.options.reattach());
  }

  @Override
  public Iterator<TurnFrame> iterator() {
    return this;
  }

  /** Waits for the next frame. Throws StatusRuntimeException. */
  @Override
  public boolean hasNext() {
    while (ready.isEmpty() && !over) {
      advance();
    }
    return !ready.isEmpty();
  }

  @Override
  public TurnFrame next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return ready.remove();
  }

  @Override
  public void close() {
    closed = true;
    Stream<?> open = stream;
    if (open != null) {
      open.close();
    }
  }

  /** The answer's text so far, without what was withdrawn. */
  public String text() {
    return flow.text.toString();
  }

  /** The answer once the turn has ended, of a cancelled turn what there was of it. */
  public Optional<PromptResponse> response() {
    TurnFrame closing = flow.closing;
    if (closing == null || closing.hasFailed()) {
      return Optional.empty();
    }
    return Optional.of(
        closing.hasCompleted()
            ? closing.getCompleted().getResponse()
            : closing.getCancelled().getResponse());
  }

  /** "" before the first frame. */
  public String turnId() {
    return flow.turnId;
  }

  /** "" while it is not known. */
  public String conversationId() {
    return flow.conversationId;
  }

  /** Asking the same with it joins the turn. */
  public String requestId() {
    return flow.request.getRequestId();
  }

  private void advance() {
    StatusRuntimeException endedWith = null;
    try {
      if (stream == null) {
        stream = open();
        if (closed) {
          stream.close();
        }
      }
      Object message = stream.next();
      if (message != null) {
        TurnFrame frame = frameOf(message);
        if (frame != null) {
          flow.take(frame, ready);
        }
        return;
      }
    } catch (StatusRuntimeException error) {
      endedWith = error;
    }
    stream.close();
    stream = null;
    if (closed && flow.closing == null) {
      over = true;
      throw Stream.cancelled();
    }
    boolean again = false;
    try {
      long wait = flow.after(endedWith);
      again = wait != TurnFlow.OVER;
      Stream.pause(Math.max(wait, 0));
    } finally {
      over = !again;
    }
  }

  private Stream<?> open() {
    WatchTurnRequest watch = flow.watch();
    if (watch != null) {
      return new Stream<>(
          client, PromptServiceGrpc.getWatchTurnMethod(), watch, WatchTurnResponse::hasGoAway);
    }
    return new Stream<>(
        client, PromptServiceGrpc.getAskMethod(), flow.request, AskResponse::hasGoAway);
  }

  private static TurnFrame frameOf(Object message) {
    if (message instanceof AskResponse asked) {
      return asked.hasTurn() ? asked.getTurn() : null;
    }
    WatchTurnResponse watched = (WatchTurnResponse) message;
    return watched.hasTurn() ? watched.getTurn() : null;
  }
}
