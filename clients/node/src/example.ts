/**
 * Example: ask a question and see the answer as it is written, or follow what is unusual.
 *
 *     node dist/example.js ask "what happened today?"
 *     node dist/example.js insights --keep place.txt
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Client, ask, subscribeInsights } from "./index.js";
import { InsightChange, Severity } from "./gen/enhanced_prompt/v1/insights_pb.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "127.0.0.1:50051" },
    keep: { type: "string", default: "" }, // a file for the place that was reached
    all: { type: "boolean", default: false }, // begin with the oldest, where no place is kept
  },
});
const [what, ...words] = positionals;
const client = new Client(values.target);
if (what === "insights") await follow();
else if (what === "ask") await question(words.join(" "));
else throw new Error("usage: example ask QUESTION | insights [--keep FILE]");
client.close();

async function question(query: string): Promise<void> {
  const turn = ask(client, { query });
  for await (const { payload } of turn) {
    if (payload.case === "textDelta") process.stdout.write(payload.value.text);
    // What was printed does not count; the answer begins again.
    if (payload.case === "reset" || payload.case === "textWithdrawn") process.stdout.write("\n\n");
  }
  console.log(`\n(${turn.response?.totalMatches ?? 0n} events match)`);
}

async function follow(): Promise<void> {
  const { keep, all } = values;
  let request: Parameters<typeof subscribeInsights>[1] = {}; // from now on
  if (keep && existsSync(keep)) {
    request = { start: { case: "resumeToken", value: readFileSync(keep, "utf8") } };
  } else if (all) {
    request = { start: { case: "startTime", value: { seconds: 0n } } };
  }
  for await (const { revision, resumeToken } of subscribeInsights(client, request)) {
    if (revision?.insight) {
      const { severity, title } = revision.insight;
      const change = InsightChange[revision.change];
      console.log(`${revision.position} ${change} ${Severity[severity]} ${title}`);
    }
    if (keep) {
      writeFileSync(`${keep}.new`, resumeToken, { mode: 0o600 });
      renameSync(`${keep}.new`, keep); // so that the file is whole at any time
    }
  }
}
