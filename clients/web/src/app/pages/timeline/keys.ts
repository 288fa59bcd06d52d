/** What a key means on the timeline's chart. */
import type { Choice } from "./data";

/** What is shown when it is pressed. */
export interface Shown {
  /** Keys of the buckets, in order. */
  buckets: readonly string[];
  /** The lanes from above; undefined is the one of all cameras. */
  cameras: readonly (string | undefined)[];
  choice: Choice;
  /** Where to begin while no bucket is chosen. */
  start: number;
}

export type Move = { choose: Choice } | { zoom: 1 | -1 } | { pan: 1 | -1 };

/** Undefined for a key that means nothing here. */
export function moveOf(key: string, shift: boolean, shown: Shown): Move | undefined {
  const { buckets, cameras, choice } = shown;
  const at = choice.key === undefined ? -1 : buckets.indexOf(choice.key);
  const bucket = (index: number): Move => ({
    choose: { cameraId: choice.cameraId, key: buckets[clamp(index, buckets.length)] },
  });
  const lane = (step: number): Move => ({
    choose: { cameraId: cameras[clamp(cameras.indexOf(choice.cameraId) + step, cameras.length)], key: choice.key },
  });
  switch (key) {
    case "ArrowLeft":
      return shift ? { pan: -1 } : bucket(at < 0 ? shown.start : at - 1);
    case "ArrowRight":
      return shift ? { pan: 1 } : bucket(at < 0 ? shown.start : at + 1);
    case "ArrowUp":
      return lane(-1);
    case "ArrowDown":
      return lane(1);
    case "Home":
      return bucket(0);
    case "End":
      return bucket(buckets.length - 1);
    case "PageUp":
      return { pan: -1 };
    case "PageDown":
      return { pan: 1 };
    case "+":
    case "=":
    case "Enter":
      return { zoom: 1 };
    case "-":
      return { zoom: -1 };
    default:
      return undefined;
  }
}

function clamp(index: number, length: number): number {
  return Math.min(length - 1, Math.max(0, index));
}
