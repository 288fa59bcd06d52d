/**
 * Runs this client as tests/clients_other wants it: a command a line on stdin, what came of it as
 * lines on stdout. Messages are base64 of their bytes, decoded into the generated types and encoded
 * again on the way.
 */

import { createInterface } from "node:readline";

import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescService,
  type MessageShape,
} from "@bufbuild/protobuf";

import { CallFailed, Client, StreamCut, ask, subscribeInsights } from "./index.js";
import { PromptResponseSchema } from "./gen/enhanced_prompt/v1/answers_pb.js";
import { SubscribeInsightsRequestSchema } from "./gen/enhanced_prompt/v1/insight_service_pb.js";
import { InsightRevisionSchema } from "./gen/enhanced_prompt/v1/insights_pb.js";
import { AskRequestSchema } from "./gen/enhanced_prompt/v1/prompt_service_pb.js";
import { TurnFrameSchema } from "./gen/enhanced_prompt/v1/turns_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";

interface Command {
  do: "ask" | "insights" | "call";
  target: string;
  method: string;
  requests: string[];
  take: number;
  options: {
    retry?: number;
    reattach?: number;
    first_ms?: number;
    longest_ms?: number;
    silence_ms?: number;
  };
}

const CALL_MS = 60_000;

for await (const line of createInterface({ input: process.stdin })) {
  await run(JSON.parse(line) as Command);
}

async function run(wanted: Command): Promise<void> {
  const { retry, reattach, first_ms: first, longest_ms: longest = 0, silence_ms } = wanted.options;
  const client = new Client(wanted.target, {
    ...(first
      ? {
          retry: { attempts: retry ?? 1, first, longest },
          reattach: { attempts: reattach ?? 1, first, longest },
        }
      : {}),
    ...(silence_ms ? { silence: silence_ms } : {}),
  });
  const end: Record<string, unknown> = {};
  try {
    await { ask: question, insights: follow, call }[wanted.do](client, wanted, end);
    end.status = encode(StatusSchema, create(StatusSchema));
  } catch (raised) {
    if (!(raised instanceof CallFailed)) throw raised;
    const { code, message, status } = raised;
    end.status = encode(StatusSchema, status ?? create(StatusSchema, { code, message }));
    if (raised instanceof StreamCut) {
      end.cut = {
        turn_id: raised.turnId,
        attempt: raised.attempt,
        last_sequence: Number(raised.lastSequence),
        request_id: raised.requestId,
        message: raised.message,
      };
    }
  }
  client.close();
  say({ end });
}

async function question(client: Client, wanted: Command, end: Record<string, unknown>) {
  const turn = ask(client, decode(AskRequestSchema, wanted.requests[0]));
  let seen = 0;
  try {
    for await (const frame of turn) {
      say({ message: encode(TurnFrameSchema, frame) });
      if (++seen === wanted.take) break;
    }
  } finally {
    end.text = turn.text;
    end.turn_id = turn.turnId;
    if (turn.response) end.response = encode(PromptResponseSchema, turn.response);
  }
}

async function follow(client: Client, wanted: Command) {
  const request = decode(SubscribeInsightsRequestSchema, wanted.requests[0]);
  let seen = 0;
  for await (const { revision, resumeToken: token } of subscribeInsights(client, request)) {
    if (!revision) say({ token });
    else say({ token, message: encode(InsightRevisionSchema, revision) });
    if (revision && ++seen === wanted.take) break;
  }
}

/** One call of any kind through the generated types. */
async function call(client: Client, wanted: Command) {
  const [service = "", name = ""] = wanted.method.split("/");
  const kind = service.slice(service.lastIndexOf(".") + 1); // EventService is in event_service_pb
  const file = kind.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  const generated = (await import(`./gen/enhanced_prompt/v1/${file}_pb.js`)) as {
    [name: string]: DescService;
  };
  const method = generated[kind]?.methods.find((one) => one.name === name);
  if (!method) throw new Error(`no such method: ${wanted.method}`);
  const requests = wanted.requests.map((one) => decode(method.input, one));
  let seen = 0;
  for await (const answer of client.call(method, requests, AbortSignal.timeout(CALL_MS))) {
    say({ message: encode(method.output, answer) });
    if (++seen === wanted.take) break;
  }
}

function decode<S extends DescMessage>(schema: S, text = ""): MessageShape<S> {
  return fromBinary(schema, Buffer.from(text, "base64"));
}

function encode<S extends DescMessage>(schema: S, message: MessageShape<S>): string {
  return Buffer.from(toBinary(schema, message)).toString("base64");
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
