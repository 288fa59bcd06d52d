"""When a long stream has to end although it could go on (design 3, rules 22 and 23).

At its age, give or take 20 % so that streams that began together do not end together; and when the
server drains. Both are announced by `go_away`, with the place to go on from and how long this
stream will still deliver.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import random
from typing import Self

from enhanced_prompt.v1 import common_pb2 as pb
from enhanced_prompt.v1.prompt_service_pb2 import AskResponse

from ..domain.errors import Reason, Unavailable
from .call import Call

JITTER = 0.2


@dataclass(frozen=True, slots=True)
class LeavingOptions:
    """How long streams live, in seconds.

    Attributes:
        age_s: Age at which a stream is asked to end, before jitter.
        time_left_s: How long one that was asked at its age still delivers.
        drain_s: The same where the server drains: what its running turns have.
        draw: Uniform in 0..1, for the jitter.
    """

    age_s: float = 1800.0
    time_left_s: float = 30.0
    drain_s: float = 30.0
    draw: Callable[[], float] = field(default=random)


class Leaving:
    """Watches over one stream: `due` is set when it has to be announced that it ends.

    `on_due` is called then; used as a context manager around the stream.
    """

    def __init__(self, call: Call, options: LeavingOptions, on_due: Callable[[], None]) -> None:
        self._call = call
        self._options = options
        self._on_due = on_due
        self._timer: asyncio.TimerHandle | None = None
        self._reason: pb.GoAwayReason.ValueType = pb.GO_AWAY_REASON_UNSPECIFIED
        self._announced = False
        self._over = False

    @property
    def due(self) -> bool:
        """Whether `go_away` has to be sent now: once."""
        return bool(self._reason) and not self._announced

    @property
    def over(self) -> bool:
        """Whether the announced time has passed."""
        return self._over

    def __enter__(self) -> Self:
        options = self._options
        age = options.age_s * (1 - JITTER + 2 * JITTER * options.draw())
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(age, self._leave, pb.GO_AWAY_REASON_MAX_AGE)
        self._call.live.on_close(self, self._drain)
        return self

    def __exit__(self, *_: object) -> None:
        self._call.live.forget(self)
        if self._timer is not None:
            self._timer.cancel()

    def announce(self, cursor: pb.TurnCursor | None) -> bytes:
        """The `go_away` of Ask, WatchTurn and Chat, as bytes; what is left of the time runs."""
        drains = self._reason == pb.GO_AWAY_REASON_DRAINING
        left = self._options.drain_s if drains else self._options.time_left_s
        self._announced = True
        if not drains:  # a drain closes its turns itself: then the stream has its closing frame
            self._timer = asyncio.get_running_loop().call_later(left, self._end)
        message = AskResponse()
        message.go_away.reason = self._reason
        message.go_away.time_left.FromNanoseconds(round(left * 1e9))
        if cursor is not None:
            message.go_away.cursor.turn.CopyFrom(cursor)
        return message.SerializeToString()

    def farewell(self, resume_token: str) -> pb.GoAway:
        """The `go_away` of a stream that ends right after it, to go on from a token."""
        self._announced = True
        message = pb.GoAway(reason=self._reason)
        message.time_left.FromNanoseconds(0)
        message.cursor.resume_token = resume_token
        return message

    def _end(self) -> None:
        self._over = True
        self._on_due()

    def _drain(self) -> None:
        self._leave(pb.GO_AWAY_REASON_DRAINING)

    def _leave(self, reason: pb.GoAwayReason.ValueType) -> None:
        if not self._reason:
            self._reason = reason
            if self._timer is not None:
                self._timer.cancel()
            self._on_due()


def gone_away() -> Unavailable:
    """Ends a stream whose announced time is over."""
    return Unavailable(
        "this stream was asked to go on elsewhere: attach again",
        reason=Reason.DRAINING,
        retry_after_s=0.0,
    )
