/** Exporting: choose what, see how far it is, go on after an error, and have the file. */
import { type FormEvent, useEffect, useRef, useState } from "react";
import { CallCancelled, type EnhancedPromptError, toError } from "../../../client";
import { useApp } from "../../context";
import { Dialog } from "../../ui/dialog";
import { many } from "../../ui/format";
import { ErrorNote, Segments } from "../../ui/parts";
import { download, Export } from "./export";

const DAY = 24 * 3_600_000;
const SPANS = { all: undefined, month: 30 * DAY, week: 7 * DAY } as const;
type SpanName = keyof typeof SPANS;

export function ExportDialog({ onClose }: { onClose: () => void }) {
  const { client } = useApp();
  const [span, setSpan] = useState<SpanName>("all");
  const [responses, setResponses] = useState(true);
  const [running, setRunning] = useState<Export>();
  const [lines, setLines] = useState(0);
  const [state, setState] = useState<"choosing" | "reading" | "paused" | "done">("choosing");
  const [error, setError] = useState<EnhancedPromptError>();
  const call = useRef<AbortController>(undefined);
  useEffect(() => () => call.current?.abort(), []);

  const read = async (what: Export) => {
    const mine = new AbortController();
    call.current = mine;
    setRunning(what);
    setError(undefined);
    setState("reading");
    try {
      await what.read(client, mine.signal, setLines);
      setState("done");
      download(what.file, what.fileName);
    } catch (thrown) {
      const failed = toError(thrown, mine.signal);
      if (!(failed instanceof CallCancelled)) setError(failed);
      setState("paused");
    }
  };
  const begin = (event: FormEvent) => {
    event.preventDefault();
    const now = Date.now();
    const length = SPANS[span];
    void read(new Export({ since: length === undefined ? undefined : now - length, responses }, now));
  };
  return (
    <Dialog title="Export conversations" onClose={onClose}>
      {state === "choosing" || !running ? (
        <form className="sheet-form" onSubmit={begin}>
          <p className="quiet">A file with one conversation a line, as JSON.</p>
          <Segments
            label="Active"
            value={span}
            choices={[
              ["all", "All"],
              ["month", "Last 30 days"],
              ["week", "Last 7 days"],
            ]}
            onChange={setSpan}
          />
          <label className="tick">
            <input type="checkbox" checked={responses} onChange={(event) => setResponses(event.target.checked)} />
            With answers as they were stored, and their evidence
          </label>
          <div className="sheet-actions">
            <button type="button" className="button plain" onClick={onClose}>
              Cancel
            </button>
            <button type="submit" className="button primary">
              Export
            </button>
          </div>
        </form>
      ) : (
        <>
          <p role="status" className="numeric">
            {many(lines, "conversation")}
            {{ reading: " so far …", paused: " so far.", done: ". The file is yours." }[state]}
          </p>
          {error && <ErrorNote error={error} title="It stopped; nothing of it is lost." />}
          <div className="sheet-actions">
            {state === "reading" && (
              <button type="button" className="button" onClick={() => call.current?.abort()}>
                Pause
              </button>
            )}
            {state === "paused" && (
              <>
                <button type="button" className="button plain" onClick={onClose}>
                  Drop it
                </button>
                <button type="button" className="button primary" onClick={() => void read(running)}>
                  Go on
                </button>
              </>
            )}
            {state === "done" && (
              <>
                <button type="button" className="button plain" onClick={() => download(running.file, running.fileName)}>
                  Save again
                </button>
                <button type="button" className="button primary" onClick={onClose}>
                  Close
                </button>
              </>
            )}
          </div>
        </>
      )}
    </Dialog>
  );
}
