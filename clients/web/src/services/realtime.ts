/**
 * Everything of a page that is live, without React: one link, and a stream for each subject for as
 * long as anybody wants it. Browsers allow six connections to a plain-HTTP server, so a hidden page
 * lets its streams go, and takes them up where they were when it is looked at again.
 */
import type { EnhancedPromptClient, EnhancedPromptError, InsightFlow } from "../client";
import { type Insight, InsightChange } from "../gen/enhanced_prompt/v1/insights_pb";
import type { ChannelMode } from "./channel";
import { Emitter } from "./emitter";
import { followInsightFeed } from "./insight-feed";
import { Link, type LinkConfig } from "./link";
import { type Message, MessageType } from "./messages";
import { followMetrics } from "./metrics-feed";

type Subject = "metrics" | "insights";
type RealtimeEvents = {
  [Type in MessageType]: [message: Message<Type>, recent: boolean];
} & {
  /** A stream was refused. Sign-in is asked for here, too. */
  refused: [subject: Subject, error: EnhancedPromptError];
  change: [];
};

export interface RealtimeConfig extends LinkConfig {
  /** A page that nobody sees keeps its streams for so long, in milliseconds. */
  hiddenAfter: number;
}

const LINGER_MS = 2000; // a page that is left for another one that wants the same keeps the stream

export class Realtime extends Emitter<RealtimeEvents> {
  readonly client: EnhancedPromptClient;
  readonly link: Link;
  readonly insights = new Map<string, Insight>();
  insightsLoaded = false;
  readonly modes: Record<Subject, ChannelMode> = { metrics: "opening", insights: "opening" };
  readonly refusals: Partial<Record<Subject, EnhancedPromptError>> = {};

  readonly #wanted: Record<Subject, number> = { metrics: 0, insights: 0 };
  readonly #open: Partial<Record<Subject, AbortController>> = {};
  readonly #place: { flow: InsightFlow | undefined } = { flow: undefined };
  readonly #hiddenAfter: number;
  #visible = true;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #sequence = 0;

  constructor(client: EnhancedPromptClient, config: Partial<RealtimeConfig> = {}) {
    super();
    this.client = client;
    this.#hiddenAfter = config.hiddenAfter ?? 15_000;
    this.link = new Link((signal) => client.ping(signal), config);
    this.link.on("change", () => this.emit("change"));
  }

  start(): void {
    this.link.start();
    globalThis.document?.addEventListener("visibilitychange", this.#look);
  }

  stop(): void {
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
    clearTimeout(this.#hiding);
    for (const subject of ["metrics", "insights"] as const) this.#close(subject);
    this.link.stop();
  }

  /** Keep a subject's stream open until the returned function is called. */
  want(subject: Subject): () => void {
    this.#wanted[subject] += 1;
    this.#tend(subject);
    let wanted = true;
    return () => {
      if (!wanted) return;
      wanted = false;
      setTimeout(() => {
        this.#wanted[subject] -= 1;
        this.#tend(subject);
      }, LINGER_MS);
    };
  }

  /** Open again what was refused: somebody has signed in. */
  retryRefused(): void {
    for (const subject of ["metrics", "insights"] as const) {
      if (this.modes[subject] !== "refused") continue;
      this.#close(subject);
      this.#tend(subject);
    }
  }

  /** What a call of ours has just changed, before the stream tells of it. */
  noteInsights(insights: Iterable<Insight>): void {
    for (const one of insights) this.#takeInsight(one, InsightChange.UNSPECIFIED, true);
  }

  readonly #look = (): void => {
    clearTimeout(this.#hiding);
    if (document.visibilityState === "visible") {
      this.#visible = true;
      this.#tendAll();
      return;
    }
    this.#hiding = setTimeout(() => {
      this.#visible = false;
      this.#tendAll();
    }, this.#hiddenAfter);
  };

  #tendAll(): void {
    this.#tend("metrics");
    this.#tend("insights");
  }

  #tend(subject: Subject): void {
    const wanted = this.#visible && this.#wanted[subject] > 0;
    if (!wanted) this.#close(subject);
    if (!wanted || this.#open[subject]) return;
    const call = new AbortController();
    this.#open[subject] = call;
    const onMode = (mode: ChannelMode, error?: EnhancedPromptError) => {
      if (call.signal.aborted) return;
      this.modes[subject] = mode;
      if (error) this.refusals[subject] = error;
      else delete this.refusals[subject];
      if (mode === "refused" && error) this.emit("refused", subject, error);
      this.emit("change");
    };
    const shared = { client: this.client, link: this.link, onMode };
    if (subject === "metrics") {
      const onMessage = (message: Message, recent: boolean) => {
        (this.emit as (name: MessageType, message: Message, recent: boolean) => void).call(
          this,
          message.type,
          message,
          recent,
        );
      };
      void followMetrics({ ...shared, onMessage }, call.signal);
    } else {
      const onChange = (insight: Insight, change: InsightChange, live: boolean) => {
        this.#takeInsight(insight, change, !live);
      };
      const listed = (mode: ChannelMode, error?: EnhancedPromptError) => {
        if (mode === "live" || mode === "polling") this.insightsLoaded = true;
        onMode(mode, error);
      };
      void followInsightFeed({ ...shared, onMode: listed, onChange }, this.#place, call.signal);
    }
  }

  #takeInsight(insight: Insight, change: InsightChange, recent: boolean): void {
    const known = this.insights.get(insight.insightId);
    if (known && known.revision > insight.revision) return;
    this.insights.set(insight.insightId, insight);
    this.#sequence += 1;
    const message: Message<"insight"> = {
      type: MessageType.INSIGHT,
      timestamp: Date.now(),
      sequence: this.#sequence,
      data: { insight, change },
    };
    this.emit("insight", message, recent);
    this.emit("change");
  }

  #close(subject: Subject): void {
    this.#open[subject]?.abort();
    delete this.#open[subject];
    if (this.modes[subject] !== "opening") {
      this.modes[subject] = "opening";
      this.emit("change");
    }
  }
}
