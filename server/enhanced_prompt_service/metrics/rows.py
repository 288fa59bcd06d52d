"""The newest requests and errors, tenant by tenant: nobody's rows push out another's."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from itertools import islice

from ..domain.metrics import RECENT_ERRORS, RECENT_REQUESTS, ErrorRow, RequestRow

TENANTS = 256
"""Of more, those that were quiet longest are forgotten."""


class TenantRows:
    """The newest rows of one tenant in this process. Each has a number, which counts up by one:
    `made_requests` and `made_errors` are those of the newest."""

    __slots__ = ("errors", "made_errors", "made_requests", "requests")

    def __init__(self) -> None:
        self.requests: deque[RequestRow] = deque(maxlen=RECENT_REQUESTS)
        self.errors: deque[ErrorRow] = deque(maxlen=RECENT_ERRORS)
        self.made_requests = 0
        self.made_errors = 0


class Rows:
    """Those of all tenants, in this process."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, TenantRows] = OrderedDict()
        self._changed: dict[str, None] = {}

    def add(self, request: RequestRow | None, error: ErrorRow | None) -> None:
        """Note a request, an error, or both of one call."""
        row = request or error
        if row is None:
            return
        tenant = self._tenants.get(row.tenant)
        if tenant is None:
            tenant = self._tenants[row.tenant] = TenantRows()
            if len(self._tenants) > TENANTS:
                self._tenants.popitem(last=False)
        else:
            self._tenants.move_to_end(row.tenant)
        if request is not None:
            tenant.requests.append(request)
            tenant.made_requests += 1
        if error is not None:
            tenant.errors.append(error)
            tenant.made_errors += 1
        self._changed[row.tenant] = None

    def of(self, tenant: str) -> TenantRows:
        """Those of one tenant; empty where there are none."""
        return self._tenants.get(tenant) or TenantRows()

    def changed(self, most: int) -> list[str]:
        """Tenants with new rows since they were last named here: so many, the longest first."""
        found = list(islice(self._changed, most))
        for tenant in found:
            del self._changed[tenant]
        return found

    def mark(self, tenants: Iterable[str]) -> None:
        """These were not told after all."""
        for tenant in tenants:
            self._changed[tenant] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tenants)
