/** Where the recording of an event is: its own address, or one that its site's template makes. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type EnhancedPromptClient, isNotFound, toError } from "../../../client";
import type { Event } from "../../../gen/enhanced_prompt/v1/events_pb";
import { SiteService } from "../../../gen/enhanced_prompt/v1/site_service_pb";

type Clipped = Pick<Event, "clipUrl" | "eventId" | "cameraId" | "startTime" | "endTime">;

/** "" where there is none. Evidence gets its addresses in the same way, from the service. */
export function clipUrl(event: Clipped, template: string): string {
  if (event.clipUrl || !template) return event.clipUrl;
  const iso = (at: Clipped["startTime"]) => (at ? timestampDate(at).toISOString() : "");
  const values: Record<string, string> = {
    event_id: event.eventId,
    camera_id: event.cameraId,
    start: iso(event.startTime),
    end: iso(event.endTime ?? event.startTime),
  };
  return template.replace(/\{(event_id|camera_id|start|end)\}/g, (_, name) => encodeURIComponent(values[name] ?? ""));
}

/** The template of a site; "" for one that nobody declared, or that has none. */
export async function clipTemplate(client: EnhancedPromptClient, siteId: string, signal: AbortSignal): Promise<string> {
  try {
    return (await client.unary(SiteService.method.getSite, { siteId }, { signal })).site?.clipUrlTemplate ?? "";
  } catch (thrown) {
    const error = toError(thrown, signal);
    if (isNotFound(error)) return "";
    throw error;
  }
}
