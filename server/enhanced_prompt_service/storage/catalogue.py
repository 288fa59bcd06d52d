"""Sites as declared, and the catalogue: what they and the events name."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

from sqlalchemy import Integer, SmallInteger, cast, select, union

from ..domain.catalogue import Camera, Catalogue, Site
from ..domain.errors import Conflict, NotFound, Reason
from ..domain.identity import Caller
from ..domain.stores import Page
from . import codec, dialects, event_sums, page_tokens, permission, tenancy
from .instants import DAY, MINUTE
from .local_time import LocalTimes
from .session import Session
from .tables import coverage_cameras, event_hours, events, kinds, sites
from .words import storable

_MOST = 1000
_FAR_DAYS = 800_000  # shifts every instant past 1970, so that division rounds down


def put(
    session: Session,
    tenant: str,
    site: Site,
    etag: str,
    *,
    default_zone: str,
    clock: LocalTimes,
) -> Site:
    """Create or replace a site; its events follow when its clock is another now."""
    _, undeclared_zone = tenancy.lock(session, tenant, default_zone)
    mine = (sites.c.tenant == tenant, sites.c.site_id == storable(site.site_id))
    stored = session.execute(select(sites.c.etag, sites.c.time_zone).where(*mine)).one_or_none()
    if etag and (stored is None or stored.etag != etag):
        raise Conflict("the site was changed meanwhile: get it again", reason=Reason.ETAG_MISMATCH)
    document = codec.dump_site(site)
    new_etag = hashlib.sha256(document.encode()).hexdigest()[:32]
    if stored is not None and stored.etag == new_etag:
        return dataclasses.replace(site, etag=new_etag)
    values = {"time_zone": site.time_zone, "document": document, "etag": new_etag}
    if stored is None:
        session.execute(
            sites.insert().values(tenant=tenant, site_id=storable(site.site_id), **values)
        )
    else:
        session.execute(sites.update().where(*mine).values(**values))
    if site.time_zone != (undeclared_zone if stored is None else stored.time_zone):
        localise(session, tenant, storable(site.site_id), clock)
    tenancy.changed(session, tenant, catalogue=True)
    return dataclasses.replace(site, etag=new_etag)


def get(session: Session, caller: Caller, site_id: str) -> Site:
    """One declared site that the caller may see."""
    row = session.execute(
        select(sites.c.document, sites.c.etag).where(
            sites.c.tenant == caller.tenant, sites.c.site_id == storable(site_id)
        )
    ).one_or_none()
    found = None
    if row is not None:
        found = permission.visible_site(caller, codec.load_site(row.document, row.etag))
    if found is None:
        raise NotFound("site", site_id, reason=Reason.SITE_NOT_FOUND)
    return found


def page(session: Session, caller: Caller, page_size: int, page_token: str) -> Page[Site]:
    """Declared sites by id."""
    arguments: Mapping[str, object] = {"list": "sites"}
    key = session.page_key()
    size = max(1, min(page_size, _MOST))
    query = select(sites).where(sites.c.tenant == caller.tenant)
    if page_token:
        (after,) = page_tokens.read(key, caller, arguments, page_token)
        query = query.where(sites.c.site_id > after)
    query = query.order_by(sites.c.site_id)
    if caller.sees_all:  # else all are read: which are on the page is known only afterwards
        query = query.limit(size + 1)
    found = permission.visible_sites(
        caller, (codec.load_site(row.document, row.etag) for row in session.execute(query))
    )
    token = ""
    if len(found) > size:
        last = storable(found[size - 1].site_id)
        token = page_tokens.make(key, caller, arguments, [last])
    return Page(found[:size], token)


def load(session: Session, tenant: str, version: int, default_zone: str) -> Catalogue:
    """Declared sites, and bare entries for the sites and cameras that only events name."""
    declared = {
        row.site_id: codec.load_site(row.document, row.etag)
        for row in session.execute(select(sites).where(sites.c.tenant == tenant))
    }
    named = session.execute(
        union(
            select(kinds.c.site, kinds.c.camera_id).where(
                kinds.c.tenant == tenant, kinds.c.matches > 0
            ),
            select(coverage_cameras.c.site, coverage_cameras.c.camera_id).where(
                coverage_cameras.c.tenant == tenant
            ),
        )
    )
    bare: dict[str, list[str]] = {}
    for site_id, camera_id in named:
        bare.setdefault(site_id, []).append(camera_id)
    for site_id, cameras in bare.items():
        site = declared.get(site_id) or Site(site_id, default_zone)
        known = {camera.camera_id for camera in site.cameras}
        more = tuple(Camera(one) for one in sorted(cameras) if one not in known)
        declared[site_id] = dataclasses.replace(site, cameras=(*site.cameras, *more))
    return Catalogue(tuple(declared[one] for one in sorted(declared)), str(version))


def localise(session: Session, tenant: str, site_id: str, clock: LocalTimes) -> None:
    """Compute the local columns of a site's events anew."""
    kind_ids = list(
        session.execute(
            select(kinds.c.kind_id).where(kinds.c.tenant == tenant, kinds.c.site == site_id)
        ).scalars()
    )
    if not kind_ids:
        return
    hours = session.execute(
        select(event_hours.c.hour)
        .where(
            event_hours.c.tenant == tenant,
            dialects.among(session, event_hours.c.kind_id, kind_ids),
        )
        .distinct()
    ).scalars()
    for span in clock.spans(hours):
        far = events.c.start_us + (span.offset_us + _FAR_DAYS * DAY)
        day = far // DAY
        session.execute(
            events.update()
            .where(
                events.c.tenant == tenant,
                dialects.among(session, events.c.kind_id, kind_ids),
                events.c.start_us >= span.start_us,
                events.c.start_us < span.end_us,
            )
            .values(
                local_day=cast(day - _FAR_DAYS, Integer),
                local_minute=cast(far % DAY // MINUTE, SmallInteger),
                local_weekday=cast((day - _FAR_DAYS + 3 + 7 * DAY) % 7 + 1, SmallInteger),
            )
        )
    event_sums.renew_kinds(session, tenant, kind_ids)
