package enhanced_prompt.example;

import com.google.protobuf.Timestamp;
import enhanced_prompt.client.Client;
import enhanced_prompt.client.Subscription;
import enhanced_prompt.client.Turn;
import enhanced_prompt.v1.InsightServiceOuterClass.SubscribeInsightsRequest;
import enhanced_prompt.v1.Insights.InsightRevision;
import enhanced_prompt.v1.PromptServiceOuterClass.AskRequest;
import enhanced_prompt.v1.Turns.TurnFrame;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Ask a question and see the answer as it is written, or follow what is unusual.
 *
 * <pre>
 * java -cp 'target/*:target/lib/*' enhanced_prompt.example.Example ask "what happened today?"
 * java -cp 'target/*:target/lib/*' enhanced_prompt.example.Example insights --keep=place.txt
 * </pre>
 *
 * <p>{@code --target=HOST:PORT} is the service's address, {@code --keep=FILE} a file for the place
 * that was reached, {@code --all} begins with the oldest insight where no place is kept.
 */
public final class Example {
  private Example() {}

  public static void main(String[] arguments) throws IOException {
    List<String> words = new ArrayList<>(List.of(arguments));
    String target = option(words, "--target", "127.0.0.1:50051");
    String keep = option(words, "--keep", "");
    boolean all = words.remove("--all");
    String what = words.isEmpty() ? "" : words.remove(0);
    try (Client client = new Client(target)) {
      switch (what) {
        case "ask" -> ask(client, String.join(" ", words));
        case "insights" -> follow(client, keep, all);
        default -> throw new IllegalArgumentException("ask QUESTION | insights [--keep=FILE]");
      }
    }
  }

  private static void ask(Client client, String question) {
    try (Turn turn = client.ask(AskRequest.newBuilder().setQuery(question).build())) {
      for (TurnFrame frame : turn) {
        if (frame.hasTextDelta()) {
          System.out.print(frame.getTextDelta().getText());
          System.out.flush();
        } else if (frame.hasReset() || frame.hasTextWithdrawn()) {
          System.out.print("\n\n"); // what was printed does not count; the answer begins again
        }
      }
      long matches = turn.response().orElseThrow().getTotalMatches();
      System.out.println("\n(" + matches + " events match)");
    }
  }

  private static void follow(Client client, String keep, boolean all) throws IOException {
    SubscribeInsightsRequest.Builder request = SubscribeInsightsRequest.newBuilder();
    if (!keep.isEmpty() && Files.exists(Path.of(keep))) {
      request.setResumeToken(Files.readString(Path.of(keep)));
    } else if (all) {
      request.setStartTime(Timestamp.getDefaultInstance());
    }
    try (Subscription subscription = client.subscribeInsights(request.build())) {
      for (Subscription.Update update : subscription) {
        if (update.revision().isPresent()) {
          InsightRevision told = update.revision().get();
          System.out.printf(
              "%d %s %s %s%n",
              told.getPosition(),
              told.getChange(),
              told.getInsight().getSeverity(),
              told.getInsight().getTitle());
        }
        if (!keep.isEmpty()) {
          Path whole = Files.writeString(Path.of(keep + ".new"), update.resumeToken());
          Files.move(whole, Path.of(keep), StandardCopyOption.ATOMIC_MOVE);
        }
      }
    }
  }

  private static String option(List<String> words, String name, String otherwise) {
    for (String word : words) {
      if (word.startsWith(name + "=")) {
        words.remove(word);
        return word.substring(name.length() + 1);
      }
    }
    return otherwise;
  }
}
