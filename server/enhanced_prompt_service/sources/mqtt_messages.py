"""What comes from an MQTT broker: messages, and when the connection was there and not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """What was published. `retained`: it was told before we came, and is how things stand.
    `number` and `connection` are what it is acknowledged by."""

    topic: str
    payload: bytes
    retained: bool = False
    qos: int = 0
    number: int = 0
    connection: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection was lost here: what the broker does not keep (QoS 0) may be missing."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The broker has taken our subscription: what is published from here on arrives."""


Taken = Message | Cut | Joined
