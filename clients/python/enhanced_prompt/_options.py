"""How a client behaves where calls do not say otherwise. Nothing here is read from the environment.

Defaults follow the service's own times: a turn may take 120 s, streams have a heartbeat each 15 s,
and a connection that answers no ping for 10 s is taken for dead.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._connection import is_draining
from .errors import EnhancedPromptError

DEFAULT_TARGET = "127.0.0.1:50051"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines in seconds, per kind of call; None is no deadline."""

    unary: float | None = 30.0
    """Reads and small writes."""

    turn: float | None = 180.0
    """Ask and Answer: a turn's own budget (120 s), with room for queueing before it."""

    prewarm: float | None = 120.0
    """Prewarm loads models where there are any."""

    ingest: float | None = None
    """A client stream lasts as long as its source; keepalive finds a dead connection."""

    health: float | None = 5.0
    """A health check that takes longer is an answer too."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a call that can be repeated is: after UNAVAILABLE only, since that promises that
    nothing was done or that doing it again is harmless.

    Waits are drawn with full jitter between 0 and `first * 2**n` seconds, at most `longest`; a
    RetryInfo from the server is a lower bound, and ends the retrying where it is above `longest`.
    """

    attempts: int = 3
    first: float = 0.1
    longest: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("at least one attempt is needed")

    def wait(self, attempt: int, retry_after: float | None, draw: float) -> float | None:
        """Seconds to wait after the attempt of that number (from 1), None to give up.

        `draw` is uniform in 0..1.
        """
        if attempt >= self.attempts or (retry_after or 0.0) > self.longest:
            return None
        ceiling = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return max(draw * ceiling, retry_after or 0.0)


@dataclass(frozen=True, slots=True)
class Keepalive:
    """HTTP/2 pings, so that a connection whose other end vanished is noticed while it is idle.

    The server allows one ping each 10 s or more; others (and proxies) may be less patient, and
    answer too many pings by closing the connection.
    """

    every: float = 30.0
    """Seconds without data before a ping."""

    timeout: float = 10.0
    """Seconds to wait for its answer."""

    without_calls: bool = False
    """Whether to ping while no call is open."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Everything that can be chosen about a client."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: Retry = field(default_factory=Retry)
    reattach: Retry = Retry(attempts=10, first=0.1, longest=5.0)
    """How often and how soon a reader of a turn attaches again after a cut. Each frame that comes
    lets it count anew: a server that restarts takes some seconds, a turn that moves nobody's
    patience."""

    keepalive: Keepalive = field(default_factory=Keepalive)

    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """Sent with every call; keys in lower case."""

    max_message_bytes: int = 16 * 1024 * 1024
    """The largest answer that is accepted (conversations and exports can be long)."""

    chat_ping: float = 20.0
    """Seconds between the pings of a chat that has nothing else to say: the server takes a client
    that says nothing for 60 s for gone."""

    ingest_batch: int = 500
    """Events or spans in one message of an ingest stream."""

    def wait(self, attempt: int, error: EnhancedPromptError) -> float | None:
        """Seconds to wait before a call is repeated that failed so, None where it is not.

        A process that stops refuses before anything was done, and its neighbours may be busy
        starting: that is tried as often as `reattach` says.
        """
        if not error.retryable:
            return None
        retry = self.reattach if is_draining(error) else self.retry
        return retry.wait(attempt, error.retry_after, random.random())

    def channel_options(self) -> list[tuple[str, int]]:
        """The same as options of a gRPC channel."""
        return [
            ("grpc.keepalive_time_ms", round(self.keepalive.every * 1000)),
            ("grpc.keepalive_timeout_ms", round(self.keepalive.timeout * 1000)),
            ("grpc.keepalive_permit_without_calls", int(self.keepalive.without_calls)),
            # The default of 2 would stop pings on a stream that is only listened to.
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            # A new channel is a new connection, which another process of the service may take.
            ("grpc.use_local_subchannel_pool", 1),
            # gRPC's own waits (1 s to 2 min) would outlast ours, which decide when to try again.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5000),
        ]
