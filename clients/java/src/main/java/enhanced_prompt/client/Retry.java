package enhanced_prompt.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How often and how soon something is tried again. Waits are drawn with full jitter between 0 and
 * {@code first * 2^n}, at most {@code longest}; a RetryInfo of the service is a lower bound, and
 * ends the trying where it is above {@code longest}.
 */
public record Retry(int attempts, Duration first, Duration longest) {
  /** Milliseconds to wait after the attempt of a number (from 1), negative to give up. */
  long waitAfter(int attempt, long retryAfter) {
    if (attempt >= attempts || retryAfter > longest.toMillis()) {
      return -1;
    }
    return Math.max(jittered(attempt), retryAfter);
  }

  /** A wait in milliseconds with full jitter after the attempt of a number (from 1). */
  long jittered(int attempt) {
    double doubled = first.toMillis() * Math.pow(2, attempt - 1);
    double ceiling = Math.min(longest.toMillis(), doubled);
    return Math.round(ThreadLocalRandom.current().nextDouble() * ceiling);
  }
}
