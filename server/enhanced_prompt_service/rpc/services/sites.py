"""SiteService: the catalogue."""

from __future__ import annotations

from enhanced_prompt.v1 import site_service_pb2 as pb

from ...domain.stores import CatalogueStore
from ..call import Call
from ..convert.sites import site, site_message
from ._pages import fitting


class SiteService:
    """All of it."""

    def __init__(self, catalogue: CatalogueStore) -> None:
        self._catalogue = catalogue

    async def PutSite(self, request: pb.PutSiteRequest, call: Call) -> pb.PutSiteResponse:  # noqa: N802
        """Create or replace a site; a stale etag is refused."""
        wanted = site(request.site)
        call.noted["site_id"] = wanted.site_id
        stored = await self._catalogue.put_site(call.caller, wanted, etag=wanted.etag)
        return pb.PutSiteResponse(site=site_message(stored))

    async def GetSite(self, request: pb.GetSiteRequest, call: Call) -> pb.GetSiteResponse:  # noqa: N802
        """One declared site."""
        found = await self._catalogue.get_site(call.caller, request.site_id)
        return pb.GetSiteResponse(site=site_message(found))

    async def ListSites(self, request: pb.ListSitesRequest, call: Call) -> pb.ListSitesResponse:  # noqa: N802
        """Declared sites by id."""

        async def fetch(size: int) -> pb.ListSitesResponse:
            page = await self._catalogue.list_sites(
                call.caller, page_size=size, page_token=request.page_token
            )
            return pb.ListSitesResponse(
                sites=[site_message(one) for one in page.items],
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size, fetch)
