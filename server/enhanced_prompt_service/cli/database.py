"""Commands that work on the configured database itself, whether or not a server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from .session import SERVICE_ERROR, need_server_parts
from .terminal import fail

if TYPE_CHECKING:
    from ..app import Stores

T = TypeVar("T")


def on_database(do: Callable[[Stores], Awaitable[T]]) -> T:
    """Do something with the stores of the database that the settings name; what it returns.

    Ends the command where the database can't be used.
    """
    try:
        from ..app import administering
        from ..config import Settings
        from ..domain.errors import ServiceError
    except ImportError as error:
        need_server_parts(error)
        raise

    async def work() -> T:
        async with administering(Settings.from_environment()) as stores:
            return await do(stores)

    try:
        return asyncio.run(work())
    except (ServiceError, OSError) as error:
        fail(f"the database can't be used: {error}", SERVICE_ERROR)
