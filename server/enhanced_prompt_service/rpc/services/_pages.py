"""Pages that fit into a message: a client refuses one over 4 MiB."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

DEFAULT_PAGE = 50
MOST_BYTES = 3_500_000

Response = TypeVar("Response", bound=Message)


async def fitting(page_size: int, fetch: Callable[[int], Awaitable[Response]]) -> Response:
    """The page of so many items (0: the default), or of fewer where they are that large.

    A page may always hold fewer than asked for (AIP-158); its token then says where it ended.
    """
    size = page_size or DEFAULT_PAGE
    while True:
        response = await fetch(size)
        if size == 1 or response.ByteSize() <= MOST_BYTES:
            return response
        size = max(1, size // 4)
