package enhanced_prompt.client;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Message;
import enhanced_prompt.v1.InsightServiceOuterClass.SubscribeInsightsRequest;
import enhanced_prompt.v1.PromptServiceOuterClass.AskRequest;
import enhanced_prompt.v1.Turns.TurnFrame;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Runs this client as tests/clients_other wants it: a command a line on stdin, what came of it as
 * lines on stdout. Messages are base64 of their bytes, decoded into the generated types and encoded
 * again on the way.
 */
public final class Drive {
  private static final long CALL_S = 60;

  private Drive() {}

  public static void main(String[] arguments) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonObject end = run(JsonParser.parseString(line).getAsJsonObject());
      JsonObject said = new JsonObject();
      said.add("end", end);
      System.out.println(said);
    }
  }

  private static JsonObject run(JsonObject wanted) {
    JsonObject end = new JsonObject();
    try (Client client =
        new Client(wanted.get("target").getAsString(), options(wanted.getAsJsonObject("options")))) {
      switch (wanted.get("do").getAsString()) {
        case "ask" -> ask(client, wanted, end);
        case "insights" -> insights(client, wanted);
        default -> call(client, wanted);
      }
      end.addProperty("status", "");
    } catch (StatusRuntimeException error) {
      end.addProperty("status", encode(StatusProto.fromThrowable(error)));
      if (error instanceof StreamCutException cut) {
        JsonObject where = new JsonObject();
        where.addProperty("turn_id", cut.turnId);
        where.addProperty("attempt", cut.attempt);
        where.addProperty("last_sequence", cut.lastSequence);
        where.addProperty("request_id", cut.requestId);
        where.addProperty("message", cut.getMessage());
        end.add("cut", where);
      }
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
    return end;
  }

  private static void ask(Client client, JsonObject wanted, JsonObject end) throws Exception {
    int take = wanted.get("take").getAsInt();
    try (Turn turn = client.ask(AskRequest.parseFrom(requests(wanted).get(0)))) {
      int seen = 0;
      try {
        for (TurnFrame frame : turn) {
          say(encode(frame), null);
          if (++seen == take) {
            break;
          }
        }
      } finally {
        end.addProperty("text", turn.text());
        end.addProperty("turn_id", turn.turnId());
        turn.response().ifPresent(response -> end.addProperty("response", encode(response)));
      }
    }
  }

  private static void insights(Client client, JsonObject wanted) throws Exception {
    int take = wanted.get("take").getAsInt();
    int seen = 0;
    SubscribeInsightsRequest request =
        SubscribeInsightsRequest.parseFrom(requests(wanted).get(0));
    try (Subscription subscription = client.subscribeInsights(request)) {
      for (Subscription.Update update : subscription) {
        say(update.revision().map(Drive::encode).orElse(null), update.resumeToken());
        if (update.revision().isPresent() && ++seen == take) {
          break;
        }
      }
    }
  }

  /** One call of any kind through the generated types. */
  @SuppressWarnings("unchecked")
  private static void call(Client client, JsonObject wanted) throws Exception {
    String name = wanted.get("method").getAsString();
    MethodDescriptor<Message, Message> method =
        (MethodDescriptor<Message, Message>)
            service(name.substring(0, name.indexOf('/'))).getMethods().stream()
                .filter(one -> one.getFullMethodName().equals(name))
                .findFirst()
                .orElseThrow();
    List<Message> sent = new ArrayList<>();
    for (byte[] raw : requests(wanted)) {
      sent.add(method.parseRequest(new ByteArrayInputStream(raw)));
    }
    int take = wanted.get("take").getAsInt();
    CompletableFuture<Void> done = new CompletableFuture<>();
    ClientCall<Message, Message> call = client.newCall(method, CallOptions.DEFAULT);
    call.start(
        new ClientCall.Listener<>() {
          private int seen;

          @Override
          public void onMessage(Message answer) {
            say(encode(answer), null);
            if (++seen == take) {
              done.complete(null);
            } else {
              call.request(1);
            }
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            if (status.isOk()) {
              done.complete(null);
            } else {
              done.completeExceptionally(status.asRuntimeException(trailers));
            }
          }
        },
        new Metadata());
    call.request(1);
    sent.forEach(call::sendMessage);
    call.halfClose();
    try {
      done.get(CALL_S, TimeUnit.SECONDS);
    } catch (java.util.concurrent.ExecutionException error) {
      throw (StatusRuntimeException) error.getCause();
    } finally {
      call.cancel("read enough", null);
    }
  }

  private static ServiceDescriptor service(String name) throws ReflectiveOperationException {
    Class<?> generated = Class.forName(name + "Grpc");
    return (ServiceDescriptor) generated.getMethod("getServiceDescriptor").invoke(null);
  }

  private static Options options(JsonObject wanted) {
    Retry retry = Options.LOCAL.retry();
    Retry reattach = Options.LOCAL.reattach();
    if (wanted.has("first_ms")) {
      Duration first = Duration.ofMillis(wanted.get("first_ms").getAsLong());
      Duration longest = Duration.ofMillis(wanted.get("longest_ms").getAsLong());
      retry = new Retry(wanted.get("retry").getAsInt(), first, longest);
      reattach = new Retry(wanted.get("reattach").getAsInt(), first, longest);
    }
    Duration silence = Options.LOCAL.silence();
    if (wanted.has("silence_ms")) {
      silence = Duration.ofMillis(wanted.get("silence_ms").getAsLong());
    }
    return new Options("", true, retry, reattach, silence);
  }

  private static List<byte[]> requests(JsonObject wanted) {
    List<byte[]> all = new ArrayList<>();
    for (JsonElement one : wanted.getAsJsonArray("requests")) {
      all.add(Base64.getDecoder().decode(one.getAsString()));
    }
    return all;
  }

  private static String encode(Message message) {
    return Base64.getEncoder().encodeToString(message.toByteArray());
  }

  private static synchronized void say(String message, String token) {
    JsonObject line = new JsonObject();
    if (message != null) {
      line.addProperty("message", message);
    }
    if (token != null) {
      line.addProperty("token", token);
    }
    System.out.println(line);
  }
}
