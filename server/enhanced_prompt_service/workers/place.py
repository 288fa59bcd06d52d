"""Where one worker listens, and how it and its supervisor hear of each other.

The worker writes one line of JSON to `ready_fd` when it serves. `life_fd` is the reading end of a
pipe that the supervisor holds open: its end means that the supervisor is gone, and the worker
drains like on SIGTERM. Nothing else passes between them but signals.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One worker's place.

    Attributes:
        index: From 0; a worker that is started again keeps it, and its ports.
        port: Shared with the other workers.
        own_port: Its alone.
        ready_fd: Where it says that it serves.
        life_fd: Ends with the supervisor.
    """

    index: int
    port: int
    own_port: int
    ready_fd: int
    life_fd: int

    def dump(self) -> str:
        """As one command line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Place:
        """From `dump`. Raises ValueError."""
        fields = json.loads(text)
        return cls(**{name: int(fields[name]) for name in cls.__slots__})

    def announce(self, record: dict[str, object]) -> None:
        """Say once that this worker serves, and what the supervisor may want to know of it."""
        os.write(self.ready_fd, json.dumps(record).encode() + b"\n")
        os.close(self.ready_fd)
