package enhanced_prompt.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;

/** What the error of a call says: its reason, and whether it speaks of the call or of the way. */
public final class Failures {
  /** Domain of the reasons in a status of this service. */
  public static final String DOMAIN = "enhanced-prompt.v1";

  static final String DRAINING = "DRAINING";

  private Failures() {}

  /** Name of the ErrorReason without its prefix; "" where no service of ours spoke. */
  public static String reason(Throwable error) {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    return status == null ? "" : reason(status);
  }

  /** Milliseconds that the service asks to wait; 0 where it did not say. */
  public static long retryAfter(Throwable error) {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    return status == null ? 0 : retryAfter(status);
  }

  static String reason(com.google.rpc.Status status) {
    for (Any detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = unpack(detail, ErrorInfo.class);
        if (info != null && info.getDomain().equals(DOMAIN)) {
          return info.getReason();
        }
      }
    }
    return "";
  }

  static long retryAfter(com.google.rpc.Status status) {
    for (Any detail : status.getDetailsList()) {
      if (detail.is(RetryInfo.class)) {
        RetryInfo info = unpack(detail, RetryInfo.class);
        return info == null ? 0 : Durations.toMillis(info.getRetryDelay());
      }
    }
    return 0;
  }

  static String reason(Status status, Metadata trailers) {
    return reason(status.asRuntimeException(trailers));
  }

  /** Whether repeating a call may help and does no harm. */
  static boolean retryable(StatusRuntimeException error) {
    return switch (error.getStatus().getCode()) {
      case UNAVAILABLE -> true;
      case ABORTED -> reason(error).equals("CANCELLED"); // a stopping server gave the call up
      case CANCELLED -> reason(error).isEmpty(); // it crossed a server's farewell
      default -> false;
    };
  }

  /** Whether an error looks like a connection that broke, when no server said why. */
  static boolean broken(StatusRuntimeException error) {
    return switch (error.getStatus().getCode()) {
      case UNAVAILABLE, UNKNOWN, INTERNAL, CANCELLED -> reason(error).isEmpty();
      default -> false;
    };
  }

  private static <T extends com.google.protobuf.Message> T unpack(Any detail, Class<T> kind) {
    try {
      return detail.unpack(kind);
    } catch (InvalidProtocolBufferException broken) {
      return null; // a detail that cannot be read does not make the failure less of one
    }
  }
}
