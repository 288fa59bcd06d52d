/** What is typed, once somebody stops typing. */
import { useEffect, useState } from "react";

/** A text once it has stayed the same for so many milliseconds; at once where it was emptied. */
export function useSettled(text: string, ms: number): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), text ? ms : 0);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return settled;
}
