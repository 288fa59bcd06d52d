"""Turns: a log that readers attach to, and the runner that writes it (design 3, rules 1 to 16)."""

from .context import Agent, Turn, TurnWriter
from .log import Copier, Cursor, Encode, TakenFrame, TurnLog
from .memory import HotMemory, MemoryConfig, Past
from .replicas import Replicas
from .runner import RunnerParts
from .service import Attached, StoredCursor, Turns, TurnsConfig

__all__ = [
    "Agent",
    "Attached",
    "Copier",
    "Cursor",
    "Encode",
    "HotMemory",
    "MemoryConfig",
    "Past",
    "Replicas",
    "RunnerParts",
    "StoredCursor",
    "TakenFrame",
    "Turn",
    "TurnLog",
    "TurnWriter",
    "Turns",
    "TurnsConfig",
]
