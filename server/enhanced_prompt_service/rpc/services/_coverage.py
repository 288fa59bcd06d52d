"""When cameras recorded: spans of the cameras that are listed, a page of cameras at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from enhanced_prompt.v1 import event_service_pb2 as pb

from ...domain.errors import InvalidArgument
from ...domain.identity import Caller
from ...domain.stores import CatalogueStore, CoverageSpan, EventStore
from ...domain.times import Interval
from ..convert.times import interval, time_range
from ._camera_tokens import Key, after_of, binding, token_of

LONGEST_PERIOD = timedelta(days=366)


def period(request: pb.ListCoverageRequest) -> Interval:
    """The time asked for. Raises InvalidArgument where an end is missing, or it is too long."""
    for end in ("start_time", "end_time"):
        if not request.time_range.HasField(end):
            raise InvalidArgument.of(f"time_range.{end}", "is required")
    found = interval(request.time_range, "time_range")
    if found.end - found.start > LONGEST_PERIOD:
        raise InvalidArgument.of("time_range", f"must be {LONGEST_PERIOD.days} days at most")
    return found


async def coverage_page(
    events: EventStore,
    catalogue: CatalogueStore,
    caller: Caller,
    *,
    window: Interval,
    cameras: Sequence[str],
    sites: Sequence[str],
    page_size: int,
    page_token: str,
) -> pb.ListCoverageResponse:
    """A page of cameras by site and camera id, each with its recorded spans.

    Raises InvalidArgument (PAGE_TOKEN_INVALID) for a token of another listing.
    """
    bound = binding(caller, repr(("coverage", window, sorted(cameras), sorted(sites))))
    after = after_of(page_token, bound) if page_token else None
    wanted, places = frozenset(cameras), frozenset(sites)
    keys = sorted(
        key
        for site in (await catalogue.catalogue(caller)).sites
        if not places or site.site_id in places
        for key in ((site.site_id, camera.camera_id) for camera in site.cameras)
        if (not wanted or key[1] in wanted) and (after is None or key > after)
    )
    chosen = keys[:page_size]
    reported = await events.coverage_known(caller)
    spans: dict[Key, list[CoverageSpan]] = {}
    if chosen:
        for span in await events.coverage(caller, window, frozenset(key[1] for key in chosen)):
            spans.setdefault((span.site, span.camera_id), []).append(span)
    found = [
        pb.CameraCoverage(
            site=site,
            camera_id=camera_id,
            recorded=[time_range(one.interval) for one in spans.get((site, camera_id), ())],
            coverage_known_range=(
                time_range(reported[camera_id]) if camera_id in reported else None
            ),
        )
        for site, camera_id in chosen
    ]
    return pb.ListCoverageResponse(
        cameras=found,
        next_page_token=token_of(chosen[-1], bound) if len(keys) > len(chosen) else "",
    )
