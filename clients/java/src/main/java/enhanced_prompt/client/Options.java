package enhanced_prompt.client;

import java.time.Duration;

/**
 * How a client behaves.
 *
 * @param token a bearer token or an API key, sent with every call; "" for none
 * @param plaintext whether to go without TLS, which is for loopback
 * @param retry until the first frame of a turn
 * @param reattach after it, from each frame anew
 * @param silence after which a stream counts as cut: heartbeats come every 15 s, and three of them
 *     may be missed
 */
public record Options(
    String token, boolean plaintext, Retry retry, Retry reattach, Duration silence) {
  /** Good for a service on this machine. */
  public static final Options LOCAL =
      new Options(
          "",
          true,
          new Retry(3, Duration.ofMillis(100), Duration.ofSeconds(2)),
          new Retry(10, Duration.ofMillis(100), Duration.ofSeconds(5)),
          Duration.ofSeconds(45));

  /** The same over TLS and with a token. */
  public static Options secured(String token) {
    return new Options(token, false, LOCAL.retry, LOCAL.reattach, LOCAL.silence);
  }
}
