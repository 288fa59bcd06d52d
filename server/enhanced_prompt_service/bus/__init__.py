"""What replicas share beside the database. Only this room knows Redis.

`RedisBus` is imported when it is asked for: a single process does not pay for Redis's client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .memory import MemoryBus

if TYPE_CHECKING:
    from .redis import RedisBus

__all__ = ["MemoryBus", "RedisBus"]


def __getattr__(name: str) -> Any:
    if name == "RedisBus":
        from .redis import RedisBus

        return RedisBus
    raise AttributeError(name)
