/** Names of cameras and time zones of sites, fetched once and then now and again. */
import { useEffect, useSyncExternalStore } from "react";
import type { EnhancedPromptClient } from "../client";
import { EventService } from "../gen/enhanced_prompt/v1/event_service_pb";
import { SiteService } from "../gen/enhanced_prompt/v1/site_service_pb";
import { debug } from "../services/debug";
import { Emitter } from "../services/emitter";
import { useApp } from "./context";

const FRESH_MS = 5 * 60_000;
const PAGE = 1000;

export interface Camera {
  id: string;
  name: string;
  site: string;
}

export class Catalogue extends Emitter<{ change: [] }> {
  cameras: ReadonlyMap<string, Camera> = new Map();
  /** IANA zones by site. */
  zones: ReadonlyMap<string, string> = new Map();
  loaded = false;
  readonly #client: EnhancedPromptClient;
  #fetched = 0;

  constructor(client: EnhancedPromptClient) {
    super();
    this.#client = client;
  }

  /** A camera as people call it; its id where it has no name. */
  name(cameraId: string): string {
    return this.cameras.get(cameraId)?.name || cameraId;
  }

  /** The zone to show a camera's times in; undefined for the reader's own. */
  zoneOf(cameraId: string): string | undefined {
    return this.zones.get(this.cameras.get(cameraId)?.site ?? "") ?? this.zone;
  }

  /** The zone of the only site, or of the first. */
  get zone(): string | undefined {
    return this.zones.values().next().value;
  }

  /** Fetch it, unless that was just done. Never rejects. */
  async refresh(): Promise<void> {
    if (Date.now() - this.#fetched < FRESH_MS) return;
    this.#fetched = Date.now();
    const [cameras, sites] = await Promise.allSettled([
      this.#client.unary(EventService.method.listCameras, { pageSize: PAGE }),
      this.#client.unary(SiteService.method.listSites, { pageSize: PAGE }),
    ]);
    if (cameras.status === "fulfilled") {
      this.cameras = new Map(
        cameras.value.cameras.map((one) => [one.cameraId, { id: one.cameraId, name: one.name, site: one.site }]),
      );
      this.loaded = true;
    } else {
      debug("catalogue", "no cameras", cameras.reason);
      this.#fetched = 0;
    }
    if (sites.status === "fulfilled") this.zones = new Map(sites.value.sites.map((one) => [one.siteId, one.timeZone]));
    this.emit("change");
  }
}

/** The catalogue; the component is shown again when it changes. */
export function useCatalogue(): Catalogue {
  const { catalogue, realtime } = useApp();
  useEffect(() => {
    const refresh = () => void catalogue.refresh();
    if (realtime.link.isConnected) refresh();
    return realtime.link.on("connect", refresh);
  }, [catalogue, realtime]);
  useSyncExternalStore(
    (changed) => catalogue.on("change", changed),
    () => catalogue.cameras,
  );
  return catalogue;
}
