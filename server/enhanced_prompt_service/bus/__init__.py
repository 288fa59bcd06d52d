"""What replicas share beside the database. Only this room knows Redis."""

from .memory import MemoryBus
from .redis import RedisBus

__all__ = ["MemoryBus", "RedisBus"]
