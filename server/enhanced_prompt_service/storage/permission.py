"""What of the catalogue a caller may see, and what of the events they may write.

Selections apply permissions in SQL, before anything is summed up (`selection.filter_of`); these
are the places that do not go through a selection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import select

from ..domain.catalogue import Catalogue, Site
from ..domain.errors import PermissionDenied
from ..domain.events import Coverage, Event
from ..domain.identity import Caller
from . import dialects
from .session import Session
from .tables import events, kinds
from .words import storable

_WRITING = "cameras"


def visible_site(caller: Caller, site: Site) -> Site | None:
    """The site as the caller may see it; None where they may not.

    With only some of its cameras it has only their zones, and no etag, which would change with the
    others.
    """
    if caller.sees_all:
        return site
    if caller.sites is not None and site.site_id not in caller.sites:
        return None
    if caller.cameras is None:
        return site
    cameras = tuple(one for one in site.cameras if one.camera_id in caller.cameras)
    if not cameras:
        return None
    zones = {zone for one in cameras for zone in one.zones}
    return replace(
        site,
        cameras=cameras,
        zones=tuple(one for one in site.zones if one.zone_id in zones),
        etag="",
    )


def visible_sites(caller: Caller, sites: Iterable[Site]) -> tuple[Site, ...]:
    """Those that the caller may see, as they may see them."""
    found = (visible_site(caller, one) for one in sites)
    return tuple(one for one in found if one is not None)


def visible_catalogue(caller: Caller, catalogue: Catalogue) -> Catalogue:
    """The catalogue as the caller may see it."""
    if caller.sees_all:
        return catalogue
    return replace(catalogue, sites=visible_sites(caller, catalogue.sites))


def check_site(caller: Caller, site_id: str) -> None:
    """Raises PermissionDenied where the caller may not declare a site."""
    if caller.cameras is not None or (caller.sites is not None and site_id not in caller.sites):
        raise PermissionDenied("this site is not yours to declare", "sites")


def check_all(caller: Caller) -> None:
    """Raises PermissionDenied where the caller may not see every camera: what they are about to
    say would stand beside, or silence, what is said of others."""
    if not caller.sees_all:
        raise PermissionDenied("this is for callers who may see every camera", _WRITING)


def check_events(session: Session, caller: Caller, given: Sequence[Event]) -> None:
    """Raises PermissionDenied where the caller may not store one of them: it is of a camera that
    they may not see, or would change an event of one."""
    if caller.sees_all:
        return
    if not all(caller.sees(one.site, one.camera_id) for one in given):
        raise _not_yours()
    ids = [storable(one.event_id) for one in given]
    known = session.execute(
        select(kinds.c.site, kinds.c.camera_id)
        .join_from(events, kinds, kinds.c.kind_id == events.c.kind_id)
        .where(
            events.c.tenant == caller.tenant,
            dialects.among(session, events.c.event_id, ids),
        )
        .distinct()
    )
    if not all(caller.sees(site, camera_id) for site, camera_id in known):
        raise _not_yours()


def check_spans(caller: Caller, given: Sequence[Coverage]) -> None:
    """The same for reports of coverage."""
    if not all(caller.sees(one.site, one.camera_id) for one in given):
        raise _not_yours()


def _not_yours() -> PermissionDenied:
    return PermissionDenied("events of these cameras are not yours to store", _WRITING)
