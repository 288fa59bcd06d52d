"""Connections of a client: the one for new calls, and those that still have calls to finish.

A process that stops refuses new calls on a connection that it has, again and again, while its
neighbours behind the same address would take them. So a client leaves such a connection: the next
call makes a new one, and the old one is closed when its last call has ended.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.message import Message

from .errors import EnhancedPromptError

DRAINING = "DRAINING"


class Connection:
    """A channel with a connection of its own, and how many calls use it."""

    __slots__ = ("calls", "channel", "left")

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.calls = 0
        self.left = False

    @property
    def idle(self) -> bool:
        """Whether it was left and has nothing more to finish."""
        return self.left and not self.calls


def says_go_away(message: Message) -> bool:
    """Whether a message of a stream asks to go on elsewhere."""
    return _can_say(type(message)) and message.HasField("go_away")


@cache
def _can_say(kind: type[Message]) -> bool:
    return "go_away" in kind.DESCRIPTOR.fields_by_name


def is_draining(error: EnhancedPromptError) -> bool:
    """Whether a call was refused, or ended, because its process stops."""
    return error.reason == DRAINING
