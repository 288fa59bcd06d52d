/** Conversations into a file: read to the end of the export, through cuts, from where it was left. */
import { toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  CallCancelled,
  Code,
  type EnhancedPromptClient,
  EnhancedPromptError,
  REATTACH,
  type Retry,
  retryWait,
  sleep,
  toError,
} from "../../../client";
import { ExportedConversationSchema, HistoryService } from "../../../gen/enhanced_prompt/v1/history_service_pb";

export interface ExportOptions {
  /** Only conversations that were active since, in milliseconds; undefined for all. */
  since: number | undefined;
  /** With answers as they were stored, and their evidence. */
  responses: boolean;
}

/** An export as far as it has come; it can be gone on with after an error. */
export class Export {
  /** One conversation a line, as JSON, oldest activity first. */
  readonly lines: string[] = [];
  /** Everything was exported. */
  complete = false;
  #token = "";

  constructor(
    readonly options: ExportOptions,
    /** When it was begun, in milliseconds. */
    readonly begun: number,
  ) {}

  /**
   * Read until it is complete; told of each line. A cut is gone on from at its last place; rejects
   * where that does not help, and with CallCancelled. Either way, calling it again goes on.
   */
  async read(
    client: EnhancedPromptClient,
    signal: AbortSignal,
    onLine: (lines: number) => void,
    retry: Retry = REATTACH,
  ): Promise<void> {
    for (let failures = 0; !this.complete; ) {
      const before = this.#token;
      let error: EnhancedPromptError | undefined;
      try {
        await this.#once(client, signal, onLine);
      } catch (thrown) {
        error = toError(thrown, signal);
        if (error instanceof CallCancelled || !error.retryable) throw error;
      }
      if (this.complete || (!error && this.#token !== before)) continue;
      failures = this.#token === before ? failures + 1 : 1;
      const wait = retryWait(retry, failures, error?.retryAfterMs, Math.random());
      if (wait === undefined)
        throw error ?? new EnhancedPromptError("the export goes no further", { code: Code.Unavailable });
      await sleep(wait, signal).catch((reason) => {
        throw toError(reason, signal);
      });
    }
  }

  async #once(client: EnhancedPromptClient, signal: AbortSignal, onLine: (lines: number) => void): Promise<void> {
    const { since, responses } = this.options;
    const stream = client.stream(
      HistoryService.method.exportConversations,
      {
        resumeToken: this.#token,
        includeResponses: responses,
        ...(since === undefined ? {} : { activeRange: { startTime: timestampFromMs(since) } }),
      },
      { signal },
    );
    for await (const { frame, resumeToken } of stream) {
      if (frame.case === "exported") {
        this.lines.push(JSON.stringify(toJson(ExportedConversationSchema, frame.value)));
        onLine(this.lines.length);
      }
      this.#token = resumeToken || this.#token;
      if (frame.case === "completed") this.complete = true;
      if (frame.case === "completed" || frame.case === "goAway") return;
    }
  }

  get file(): Blob {
    return new Blob(
      this.lines.map((line) => `${line}\n`),
      { type: "application/x-ndjson" },
    );
  }

  /** "conversations-2026-11-20.jsonl" */
  get fileName(): string {
    return `conversations-${new Date(this.begun).toISOString().slice(0, 10)}.jsonl`;
  }
}

/** Hand a file to whoever looks at the page. */
export function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
