/** What stands where no question was asked yet: some that this installation can answer. */
import { useMemo } from "react";
import { useCatalogue } from "../../catalogue";

export function Welcome({ onAsk }: { onAsk: (query: string) => void }) {
  const catalogue = useCatalogue();
  const names = useMemo(
    () => [...catalogue.cameras.values()].map((one) => one.name || one.id).slice(0, 12),
    [catalogue.cameras],
  );
  const [first, second] = [names[0], names[2] ?? names[1] ?? names[0]];
  const questions = [
    first ? `What happened at ${first} today?` : "What happened today?",
    "Which camera was busiest yesterday?",
    second ? `How many people were there at ${second} yesterday?` : "How many people were there yesterday?",
    "Was there anything unusual in the last 24 hours?",
    "Events per hour yesterday?",
    "Which cameras are not recording?",
  ];
  return (
    <div className="welcome">
      <h2>Ask what your cameras saw</h2>
      <p className="quiet">In plain language. Answers rest on recorded events, and say how much was recorded at all.</p>
      <ul aria-label="Questions to begin with">
        {questions.map((one) => (
          <li key={one}>
            <button type="button" onClick={() => onAsk(one)}>
              {one}
            </button>
          </li>
        ))}
      </ul>
      {names.length > 0 && (
        <p className="quiet cameras">
          <span>Cameras</span> {names.join(" · ")}
          {catalogue.cameras.size > names.length && ` · and ${catalogue.cameras.size - names.length} more`}
        </p>
      )}
    </div>
  );
}
