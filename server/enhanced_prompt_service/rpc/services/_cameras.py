"""The list of cameras: declared ones and those that only events or coverage name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from enhanced_prompt.v1 import event_service_pb2 as pb

from ...domain.catalogue import Camera
from ...domain.events import Coverage, SeenKind
from ...domain.identity import Caller
from ...domain.stores import CatalogueStore, EventStore
from ...domain.times import Interval
from ..convert.events import STATE_NUMBERS, kind_message
from ..convert.times import time_range
from ._camera_tokens import Key, after_of, binding, token_of

MOST_KINDS = 100


async def camera_page(
    events: EventStore,
    catalogue: CatalogueStore,
    caller: Caller,
    *,
    sites: Sequence[str],
    as_of: datetime,
    arguments: str,
    page_size: int,
    page_token: str,
) -> pb.ListCamerasResponse:
    """A page of cameras by site and camera id. `arguments` are what a token is bound to.

    Raises InvalidArgument (PAGE_TOKEN_INVALID) for a token of another listing.
    """
    bound = binding(caller, arguments)
    after = after_of(page_token, bound) if page_token else None
    wanted = frozenset(sites)
    known = await catalogue.catalogue(caller)
    cameras: dict[Key, Camera] = {
        (site.site_id, camera.camera_id): camera
        for site in known.sites
        if not wanted or site.site_id in wanted
        for camera in site.cameras
    }
    keys = sorted(key for key in cameras if after is None or key > after)
    chosen = keys[:page_size]
    declared = await _declared(catalogue, caller)
    states = await events.camera_states(caller, as_of)
    reported = await events.coverage_known(caller)
    kinds: dict[Key, list[SeenKind]] = {}
    for kind in await events.kinds(caller):
        kinds.setdefault((kind.site, kind.camera_id), []).append(kind)
    return pb.ListCamerasResponse(
        cameras=[
            _camera(
                key,
                cameras[key],
                key in declared,
                states.get(key[1]),
                reported.get(key[1]),
                kinds.get(key, []),
            )
            for key in chosen
        ],
        next_page_token=token_of(chosen[-1], bound) if len(keys) > len(chosen) else "",
    )


async def _declared(catalogue: CatalogueStore, caller: Caller) -> set[Key]:
    found: set[Key] = set()
    token = ""
    while True:
        page = await catalogue.list_sites(caller, page_size=1000, page_token=token)
        for site in page.items:
            found.update((site.site_id, camera.camera_id) for camera in site.cameras)
        token = page.next_page_token
        if not token:
            return found


def _camera(
    key: Key,
    camera: Camera,
    declared: bool,
    state: Coverage | None,
    reported: Interval | None,
    kinds: list[SeenKind],
) -> pb.CameraStatus:
    found = pb.CameraStatus(
        site=key[0],
        camera_id=key[1],
        name=camera.name,
        aliases=camera.aliases,
        zones=camera.zones,
        location=camera.location,
        declared=declared,
        kinds=[
            kind_message(one)
            for one in sorted(
                kinds, key=lambda kind: (-kind.matches, kind.event_type, kind.label, kind.zones)
            )[:MOST_KINDS]
        ],
    )
    if state is not None and state.site == key[0]:  # another site may have a camera of this id
        found.state = STATE_NUMBERS[state.state]
        found.state_time_range.CopyFrom(time_range(Interval(state.start_time, state.end_time)))
    if reported is not None:
        found.coverage_known_range.CopyFrom(time_range(reported))
    return found
