/** A turn as a page shows it, made out of its frames. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { EnhancedPromptError } from "../client";
import type { Evidence, PromptResponse } from "../gen/enhanced_prompt/v1/answers_pb";
import type { TurnFrame } from "../gen/enhanced_prompt/v1/turns_pb";

export type TurnStatus =
  /** Not sent: the service can't be reached. It is sent once, as soon as it can. */
  | "queued"
  /** Another turn of the conversation comes first. */
  | "waiting"
  | "asking"
  | "streaming"
  | "completed"
  | "cancelled"
  | "failed";

/** A part of the agent, or a call of a tool. */
export interface Step {
  kind: "agent" | "tool";
  key: string;
  name: string;
  detail: string;
  result: string;
  state: "running" | "ok" | "failed";
}

/** One question and what became of it. `version` rises with each change. */
export class TurnView {
  version = 0;
  status: TurnStatus = "asking";
  turnId = "";
  attempt = 0;
  /** How often text that was shown was withdrawn. */
  withdrawn = 0;
  model = "";
  thinking = "";
  steps: Step[] = [];
  evidence: Evidence[] = [];
  totalMatches = 0;
  response: PromptResponse | undefined;
  error: EnhancedPromptError | undefined;
  partialKept = false;
  /** From sending to the first text, in milliseconds; undefined where it was not seen here. */
  firstTextMs: number | undefined;
  /** Date.now() when it was sent last. */
  sentAt: number;
  stopping = false;
  offerDeclined = false;
  #text: string[] = [];
  #joined = "";

  constructor(
    readonly requestId: string,
    readonly query: string,
    readonly askedAt: Date,
  ) {
    this.sentAt = askedAt.getTime();
  }

  /** A stored answer. */
  static stored(response: PromptResponse): TurnView {
    const answered = response.timestamp ? timestampDate(response.timestamp) : new Date(0);
    const asked = new Date(answered.getTime() - response.processingTimeMs);
    const view = new TurnView(response.turnId || response.messageId, response.query, asked);
    view.turnId = response.turnId;
    view.#finish("completed", response);
    return view;
  }

  /** The text so far. */
  get text(): string {
    if (this.#text.length > 0) {
      this.#joined += this.#text.join("");
      this.#text = [];
    }
    return this.#joined;
  }

  get running(): boolean {
    return this.status === "asking" || this.status === "streaming";
  }

  get ended(): boolean {
    return this.status === "completed" || this.status === "cancelled" || this.status === "failed";
  }

  /** Begin anew, as if nothing had come. */
  clear(): void {
    this.#text = [];
    this.#joined = "";
    this.thinking = "";
    this.steps = [];
    this.evidence = [];
    this.totalMatches = 0;
    this.version += 1;
  }

  fail(error: EnhancedPromptError): void {
    this.status = "failed";
    this.error = error;
    this.stopping = false;
    this.version += 1;
  }

  become(status: TurnStatus): void {
    this.status = status;
    this.version += 1;
  }

  take(frame: TurnFrame, now = Date.now()): void {
    this.version += 1;
    this.turnId = frame.turnId;
    this.attempt = frame.attempt;
    const { payload } = frame;
    switch (payload.case) {
      case "started":
        this.status = "streaming";
        this.model = payload.value.model;
        break;
      case "reset":
        if (this.text || this.evidence.length > 0) this.withdrawn += 1;
        this.clear();
        break;
      case "textWithdrawn":
        this.withdrawn += 1;
        this.#text = [];
        this.#joined = "";
        this.model = payload.value.nextModel;
        break;
      case "textDelta":
        this.firstTextMs ??= now - this.sentAt;
        this.status = "streaming";
        this.#text.push(payload.value.text);
        break;
      case "thinking":
        this.thinking += payload.value.text;
        break;
      case "agentStarted":
        this.#endAgents();
        this.steps.push({
          kind: "agent",
          key: `agent-${this.steps.length}`,
          name: payload.value.agent,
          detail: "",
          result: "",
          state: "running",
        });
        break;
      case "toolStarted":
        this.steps.push({
          kind: "tool",
          key: payload.value.callId,
          name: payload.value.tool,
          detail: payload.value.arguments,
          result: "",
          state: "running",
        });
        break;
      case "toolFinished": {
        const step = this.steps.find((one) => one.key === payload.value.callId);
        if (step) {
          step.result = payload.value.result;
          step.state = payload.value.ok ? "ok" : "failed";
        }
        break;
      }
      case "evidence":
        this.evidence = [...this.evidence, ...payload.value.evidence];
        this.totalMatches = Number(payload.value.totalMatches);
        break;
      case "completed":
      case "cancelled":
        if (payload.value.response) this.#finish(payload.case, payload.value.response);
        break;
      case "failed":
        this.partialKept = payload.value.partialKept;
        break;
    }
  }

  #finish(status: "completed" | "cancelled", response: PromptResponse): void {
    this.status = status;
    this.stopping = false;
    this.response = response;
    this.#text = [];
    this.#joined = response.response;
    this.totalMatches = Number(response.totalMatches);
    if (response.evidence.length > 0) this.evidence = response.evidence;
    this.#endAgents();
  }

  #endAgents(): void {
    for (const step of this.steps) if (step.kind === "agent" && step.state === "running") step.state = "ok";
  }
}
