/** Typed events, for what React is not needed for. */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #listeners: { [Name in keyof Events]?: Set<(...given: Events[Name]) => void> } = {};

  /** Listen until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: (...given: Events[Name]) => void): () => void {
    const present = this.#listeners[name] ?? new Set();
    this.#listeners[name] = present;
    present.add(listener);
    return () => present.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, ...given: Events[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) listener(...given);
  }

  /** How many listen. */
  count(name: keyof Events): number {
    return this.#listeners[name]?.size ?? 0;
  }
}
