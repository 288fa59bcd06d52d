"""What groups of calls stand on: one request and one answer, and lists that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

from ._aio import AsyncTransport
from ._methods import Method, RequestT, ResponseT
from ._options import ClientOptions
from ._pages import next_page
from ._sync import SyncTransport

ItemT = TypeVar("ItemT")

__all__ = ["AsyncCalls", "Calls", "ItemT"]


class Calls:
    """Blocking calls over one transport."""

    options: ClientOptions
    _transport: SyncTransport

    def _unary(self, method: Method[RequestT, ResponseT], request: RequestT) -> ResponseT:
        return self._transport.unary(method, request, deadline=self.options.timeouts.unary)

    def _once(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, repeatable: bool
    ) -> ResponseT:
        """The same, and never twice unless that does no harm."""
        return self._transport.unary(
            method, request, deadline=self.options.timeouts.unary, repeatable=repeatable
        )

    def _pages(
        self,
        method: Method[RequestT, ResponseT],
        request: RequestT,
        items: Callable[[ResponseT], Iterable[ItemT]],
    ) -> Iterator[ItemT]:
        following: RequestT | None = request
        while following is not None:
            page = self._unary(method, following)
            yield from items(page)
            following = next_page(following, page)


class AsyncCalls:
    """The same for asyncio."""

    options: ClientOptions
    _transport: AsyncTransport

    async def _unary(self, method: Method[RequestT, ResponseT], request: RequestT) -> ResponseT:
        return await self._transport.unary(method, request, deadline=self.options.timeouts.unary)

    async def _once(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, repeatable: bool
    ) -> ResponseT:
        """The same, and never twice unless that does no harm."""
        return await self._transport.unary(
            method, request, deadline=self.options.timeouts.unary, repeatable=repeatable
        )

    async def _pages(
        self,
        method: Method[RequestT, ResponseT],
        request: RequestT,
        items: Callable[[ResponseT], Iterable[ItemT]],
    ) -> AsyncIterator[ItemT]:
        following: RequestT | None = request
        while following is not None:
            page = await self._unary(method, following)
            for item in items(page):
                yield item
            following = next_page(following, page)
