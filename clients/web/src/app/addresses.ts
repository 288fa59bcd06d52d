/** Addresses of things within pages. */

/** Where a conversation opens. The gateway opens the app for addresses without a dot, so "~" stands for it. */
export function conversationPath(id: string): string {
  return `/ask/${encodeURIComponent(id.replaceAll(".", "~"))}`;
}

/** The id in such an address. */
export function conversationId(rest: string): string {
  return rest.replaceAll("~", ".");
}

/** Where an insight opens. */
export function insightPath(id: string): string {
  return `/insights/${encodeURIComponent(id)}`;
}

/** Where a question is asked at once. */
export function questionPath(query: string): string {
  return `/ask?q=${encodeURIComponent(query)}`;
}

/** Where a conversation of the past opens. */
export function historyPath(id: string): string {
  return `/history/${encodeURIComponent(id.replaceAll(".", "~"))}`;
}

/** Where a template opens; ids have dots, as those of conversations. */
export function templatePath(id: string): string {
  return `/templates/${encodeURIComponent(id.replaceAll(".", "~"))}`;
}
