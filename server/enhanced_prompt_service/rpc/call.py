"""One RPC as our code sees it: who calls, since when, and the only way to write to it.

A `Call` stands in front of grpc's own context. It exists once a call; `write` is all that it adds
to a frame (its cost is in docs/decisions). Foreign servicers (health, reflection) find the rest of
grpc's context through `__getattr__`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

import grpc.aio

from ..domain.errors import ServiceError
from ..domain.identity import Caller, Identity
from .live import LiveCalls

Metadata = tuple[tuple[str, str | bytes], ...]

END: Final[Any] = cast(Any, grpc.aio).EOF
"""What `Call.read` gives after the client's last message."""


class ConcurrentWriteError(RuntimeError):
    """Two tasks wrote to one stream at the same time. grpc would break the stream; we say who."""


class ClientGone(Exception):
    """A write failed because nobody is there to read it. grpc raises this before, or instead of,
    cancelling the task; a handler lets it pass like a cancellation."""


class Call:
    """The state of one RPC. Times are readings of the monotonic clock, in seconds.

    `frames` counts response messages, `first_frame_at` is when the first of them was handed to the
    network; `first_token_at` is set by writers that know what a token is. `request_id` and
    `caller` are set by the interceptors; with identity configured `identity` is what proved the
    caller, and `renew` takes a newer token of the same one. `live` knows when the server drains.
    `charge` counts one more question where there are limits, `consented` asks, where consent is
    needed, whether something of the caller may be stored, `record` writes an action and what it
    was about into the audit log where there is one; `ending` is why the call has to end
    although it could go on. `noted` goes into the log line at the end of the call. `asked` hears
    of each turn that is asked for, and whether as a stream; `began` says that one was.
    `incident_id` is given to an error that nobody foresaw. `opening` is metadata that goes out with
    the first frame, and not at all where there is none: a stream that is refused then has nothing
    but its trailers, and only of those does a gateway make an HTTP status.
    """

    __slots__ = (
        "_raw",
        "_read",
        "_settled",
        "_write",
        "_writing",
        "asked",
        "began",
        "caller",
        "charge",
        "consented",
        "ending",
        "first_frame_at",
        "first_token_at",
        "frames",
        "identity",
        "incident_id",
        "live",
        "method",
        "monotonic",
        "noted",
        "opening",
        "record",
        "renew",
        "request_id",
        "request_streaming",
        "response_streaming",
        "started_at",
        "trailing",
    )

    def __init__(
        self,
        raw: Any,
        method: str,
        *,
        monotonic: Callable[[], float],
        request_streaming: bool = False,
        response_streaming: bool = False,
        live: LiveCalls | None = None,
    ) -> None:
        self._raw = raw
        self._write: Callable[[Any], Awaitable[None]] = raw.write
        self._read: Callable[[], Awaitable[Any]] = raw.read
        self._writing = False
        self._settled: asyncio.Event | None = None
        self.live = LiveCalls() if live is None else live
        self.method = method
        self.request_streaming = request_streaming
        self.response_streaming = response_streaming
        self.monotonic = monotonic
        self.started_at = monotonic()
        self.frames = 0
        self.first_frame_at: float | None = None
        self.first_token_at: float | None = None
        self.request_id = ""
        self.caller = Caller()
        self.identity: Identity | None = None
        self.record: Callable[[str, str], Awaitable[None]] | None = None
        self.renew: Callable[[str], Awaitable[None]] | None = None
        self.charge: Callable[[], Awaitable[None]] | None = None
        self.consented: Callable[[], Awaitable[None]] | None = None
        self.ending: ServiceError | None = None
        self.opening: Metadata = ()
        self.trailing: Metadata = ()
        self.noted: dict[str, object] = {}
        self.began = False
        self.asked: Callable[[bool], None] | None = None
        self.incident_id = ""

    async def write(self, message: Any) -> None:
        """Hand one response message to the network; returns when it takes the next one.

        Raises ClientGone, ConcurrentWriteError when another write is under way, and `ending` where
        the call has to end.
        """
        if self.ending is not None:
            raise self.ending
        if self._writing:
            raise ConcurrentWriteError(f"two writers on one stream of {self.method}")
        self._writing = True
        try:
            if self.opening:
                opening, self.opening = self.opening, ()
                await self._raw.send_initial_metadata(opening)
            await self._write(message)
        except grpc.aio.InternalError as error:
            raise ClientGone(self.method) from error
        finally:
            self._writing = False
            if self._settled is not None:
                self._settled.set()
        if not self.frames:
            self.first_frame_at = self.monotonic()
        self.frames += 1
        if self.ending is not None:
            raise self.ending

    def begins(self, turn_id: str, *, streamed: bool) -> None:
        """A turn was asked for by this call, as a stream or to be answered whole."""
        self.noted["turn_id"] = turn_id
        self.began = True
        if self.asked is not None:
            self.asked(streamed)

    @property
    def writing(self) -> bool:
        """Whether a write is under way."""
        return self._writing

    async def settled(self) -> None:
        """Wait until no write is under way: before it grpc could not take a status."""
        if self._writing:
            self._settled = asyncio.Event()
            await self._settled.wait()

    async def read(self) -> Any:
        """The client's next message, or END."""
        return await self._read()

    def add_trailing(self, *pairs: tuple[str, str | bytes]) -> None:
        """Send metadata with the status, whatever the status will be."""
        self.trailing = (*self.trailing, *pairs)
        self._raw.set_trailing_metadata(self.trailing)

    def set_trailing_metadata(self, pairs: Iterable[tuple[str, str | bytes]]) -> None:
        """As grpc's; keeps what `add_trailing` was given."""
        self.add_trailing(*pairs)

    @property
    def metadata(self) -> Metadata:
        """The request's metadata."""
        return tuple(self._raw.invocation_metadata() or ())

    def header(self, name: str) -> str | None:
        """The first value of a request metadata key (lower case), None where absent or binary."""
        for key, value in self._raw.invocation_metadata() or ():
            if key == name:
                return value if isinstance(value, str) else None
        return None

    def deadline_passed(self) -> bool:
        """Whether the caller's deadline is over. False where there is none."""
        remaining = self._raw.time_remaining()
        return remaining is not None and remaining <= 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
