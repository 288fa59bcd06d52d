"""The bus on Redis: one command connection pool and one pub/sub connection a process.

A turn's log is one stream with explicit ids `<attempt>-<sequence>`, so that adding again changes
nothing. Keys of one turn share a hash tag, so that Redis Cluster keeps them together. A thousand
watchers of a turn cost this process one subscription; what they read are ranges, never blocking
reads.

While Redis is away every call fails at once after the connection's own time-out, the subscription
is taken up again with jittered waits, and all listeners are woken when it is back.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, TypeVar

import redis.asyncio as aioredis
import structlog
from redis.exceptions import RedisError

from enhanced_prompt_service.domain.bus import LogEntry, Superseded, log_channel
from enhanced_prompt_service.domain.errors import Reason, Unavailable

from .appending import Appender
from .boards import Boards
from .listening import Hub, Signal

T = TypeVar("T")

_log = structlog.get_logger("eps.bus")

_CONNECTIONS = 64  # of a process; what comes on top of them waits
_BROKEN = (RedisError, OSError, TimeoutError, RuntimeError, AttributeError)
"""What using a lost connection raises. Redis's client looks at its transport without asking whether
another task has just closed it: that is an AttributeError, or with uvloop a RuntimeError."""
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
_LOOK_S = 1.0  # how soon a subscription that somebody else found broken is mended

_COLLECT = """
local letters = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
return letters
"""


class RedisBus:
    """`domain.bus.Bus` on a Redis server. Use as an async context manager.

    Args:
        url: `redis://` or `rediss://` address.
        prefix: Begins every key and channel, so that services can share a server.
        log_ttl_s: How long a log is kept after its last frame.
        log_cap: A turn's log keeps at most about so many frames.
        timeout_s: How long one command may take before the bus counts as away.
        noted: Hears when it came or went.
    """

    shared = True

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "eps",
        log_ttl_s: float = 900.0,
        log_cap: int = 100_000,
        timeout_s: float = 1.0,
        noted: Callable[[bool], None] = lambda up: None,
    ) -> None:
        # A thousand readers who are woken at once take turns on these; the client's own pool
        # would fail them instead.
        pool: Any = aioredis.BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            health_check_interval=30,
        )
        self._redis: Any = aioredis.Redis.from_pool(pool)
        self._appender = Appender(self._redis, self._do)
        self._boards = Boards(self._redis, self._do, self._key)
        self._writer: asyncio.Task[None] | None = None
        self._pubsub: Any = None
        # Only the listener connects the subscription: two who did so at once would leave it half
        # connected. Others write on a connection that is there, one at a time.
        self._wire = asyncio.Lock()
        self._broken = True
        self._prefix = prefix
        self._log_ttl_ms = int(log_ttl_s * 1000)
        self._log_cap = log_cap
        self._hub = Hub()
        self._up: bool | None = None  # not tried yet
        self._worked = -math.inf  # when the newest command that worked began
        self._noted = noted
        self._reader: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the last use of Redis worked."""
        return bool(self._up)

    async def __aenter__(self) -> Self:
        with suppress(Unavailable):
            await self.ping()  # so that `up` is known before anybody relies on it
        self._broken = not await self._mended()
        self._reader = asyncio.create_task(self._listen(), name="bus-listener")
        self._writer = asyncio.create_task(self._appender.run(), name="bus-writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._reader, self._writer):
            # The client may take a cancellation for a time-out: then it is said again.
            while task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=0.2)
        await self._pubsub.aclose()
        await self._redis.aclose()

    async def ping(self) -> None:
        """See `Bus.ping`."""
        await self._do(self._redis.ping())

    # ---- turn logs ----

    async def append(self, turn_id: str, attempt: int, entries: Sequence[LogEntry]) -> None:
        """See `Bus.append`."""
        newest = await self._appender.append(
            self._log_key(turn_id),
            self._key(log_channel(turn_id)),
            attempt,
            entries,
            ttl_ms=self._log_ttl_ms,
            cap=self._log_cap,
        )
        if newest > attempt:
            raise Superseded

    async def read(
        self, turn_id: str, attempt: int, after: int, limit: int = 1000
    ) -> list[LogEntry]:
        """See `Bus.read`."""
        found = await self._do(
            self._redis.xrange(
                self._log_key(turn_id),
                min=f"{attempt}-{after + 1}",
                max=f"{attempt}-{2**63}",
                count=limit,
            )
        )
        return [
            LogEntry(int(entry_id.split(b"-")[1]), fields[b"k"].decode(), fields[b"f"])
            for entry_id, fields in found
        ]

    async def newest_attempt(self, turn_id: str) -> int:
        """See `Bus.newest_attempt`."""
        last = await self._do(self._redis.xrevrange(self._log_key(turn_id), count=1))
        return int(last[0][0].split(b"-")[0]) if last else 0

    async def expire_log(self, turn_id: str, ttl_s: float) -> None:
        """See `Bus.expire_log`."""
        await self._do(self._redis.pexpire(self._log_key(turn_id), int(ttl_s * 1000)))

    async def drop_log(self, *turn_ids: str) -> None:
        """See `Bus.drop_log`."""
        pipe = self._redis.pipeline(transaction=False)
        for turn_id in turn_ids:  # one by one: a cluster keeps them in different places
            pipe.unlink(self._log_key(turn_id))
        await self._do(pipe.execute())

    # ---- signals and mailboxes ----

    async def signal(self, channel: str) -> None:
        """See `Bus.signal`."""
        await self._do(self._redis.publish(self._key(channel), b""))

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncGenerator[Signal]:
        """See `Bus.listen`. Never fails: a bus that is away is heard when it is back."""
        signal = self._hub.join(channel)
        signal.set()  # look once right after subscribing: what came before is not signalled again
        try:
            await self._quietly(self._subscribe(channel))
            yield signal
        finally:
            if self._hub.leave(channel, signal):
                await self._quietly(self._unsubscribe(channel))

    async def post(self, mailbox: str, letter: str, ttl_s: float) -> None:
        """See `Bus.post`."""
        key = self._key(f"mail:{mailbox}")
        pipe = self._redis.pipeline(transaction=False)
        pipe.rpush(key, letter)
        pipe.pexpire(key, int(ttl_s * 1000))
        pipe.publish(self._key(mailbox), b"")
        await self._do(pipe.execute())

    async def collect(self, mailbox: str) -> list[str]:
        """See `Bus.collect`."""
        letters = await self._do(self._redis.eval(_COLLECT, 1, self._key(f"mail:{mailbox}")))
        return [letter.decode() for letter in letters]

    # ---- short-lived values ----

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `Bus.put`."""
        await self._do(self._redis.set(self._key(f"value:{key}"), value, px=int(ttl_s * 1000)))

    async def get(self, key: str) -> bytes | None:
        """See `Bus.get`."""
        return await self._do(self._redis.get(self._key(f"value:{key}")))

    async def delete(self, *keys: str) -> None:
        """See `Bus.delete`."""
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.unlink(self._key(f"value:{key}"))
        await self._do(pipe.execute())

    # ---- boards and ledgers ----

    async def pin(self, board: str, name: str, value: bytes, ttl_s: float) -> None:
        """See `Bus.pin`."""
        await self._boards.pin(board, name, value, ttl_s)

    async def notes(self, board: str) -> dict[str, bytes]:
        """See `Bus.notes`."""
        return await self._boards.notes(board)

    async def unpin(self, board: str, name: str) -> None:
        """See `Bus.unpin`."""
        await self._boards.unpin(board, name)

    async def add(
        self,
        ledger: str,
        writer: str,
        number: int,
        amounts: Mapping[str, float],
        *,
        since: float,
        ttl_s: float,
    ) -> str:
        """See `Bus.add`."""
        return await self._boards.add(ledger, writer, number, amounts, since=since, ttl_s=ttl_s)

    async def sums(self, ledger: str) -> dict[str, float]:
        """See `Bus.sums`."""
        return await self._boards.sums(ledger)

    # ---- inside ----

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def _log_key(self, turn_id: str) -> str:
        return f"{self._prefix}:{{{turn_id}}}:log"

    def _failed(self, began: float) -> Unavailable:
        """What a command that began then raises. The client tries for a while: one that began
        before the newest that worked says nothing of how Redis is now."""
        if began >= self._worked:
            self._set_up(up=False)
        return Unavailable(
            "the bus that replicas share is away", reason=Reason.BUS_UNAVAILABLE, retry_after_s=1.0
        )

    async def _do(self, command: Awaitable[T]) -> T:
        began = asyncio.get_running_loop().time()
        try:
            result = await command
        except _BROKEN as error:
            raise self._failed(began) from error
        except Exception as error:  # of the client itself: no turn shall end of it
            _log.exception("unexpected error of the Redis client")
            raise self._failed(began) from error
        self._worked = max(self._worked, began)
        self._set_up(up=True)
        return result

    def _set_up(self, *, up: bool) -> None:
        if up is self._up:
            return
        first, self._up = self._up is None, up
        self._noted(up)
        if not up:
            _log.warning("bus is away")
        elif not first:
            _log.info("bus is back")

    async def _subscribe(self, channel: str) -> None:
        async with self._wire:
            await self._tell("SUBSCRIBE", channel)

    async def _unsubscribe(self, channel: str) -> None:
        async with self._wire:
            if channel not in self._hub.channels:
                await self._tell("UNSUBSCRIBE", channel)

    async def _tell(self, command: str, channel: str) -> None:
        """Write on the subscription's connection. One that is lost is not connected again here:
        the listener notices, and takes up all channels."""
        connection = self._pubsub.connection
        if not self._broken and connection is not None and connection.is_connected:
            await connection.send_command(command, self._key(channel), check_health=False)

    async def _quietly(self, command: Awaitable[Any]) -> None:
        """Do something with the subscription; where that fails it is taken up again."""
        try:
            await command
        except Unavailable:
            return
        except Exception as error:
            self._lose_subscription(error)

    def _lose_subscription(self, error: Exception) -> None:
        _log.debug("subscription lost", error=type(error).__name__)
        self._broken = True
        self._set_up(up=False)

    async def _listen(self) -> None:
        """Owns the subscription: hears messages, and takes it up again after a loss."""
        while True:
            if self._broken:
                await self._subscribe_anew()
            try:
                message = await self._pubsub.get_message(timeout=_LOOK_S)
                if message is None:
                    continue
                name = message["channel"].decode()[len(self._prefix) + 1 :]
                if message["type"] in ("message", "subscribe"):
                    self._hub.wake(name)
            except Exception as error:
                self._lose_subscription(error)

    async def _subscribe_anew(self) -> None:
        """A fresh subscription to all channels, tried until it works; then everybody looks, for
        something may have been missed."""
        wait_s = _FIRST_WAIT_S
        while True:
            # Full jitter: many processes lose the same server at the same moment.
            await asyncio.sleep(random.uniform(0.0, wait_s))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            async with self._wire:
                if not await self._mended():
                    continue
                self._broken = False
            self._set_up(up=True)
            self._hub.wake_all()
            return

    async def _mended(self) -> bool:
        """Try a fresh subscription to all channels, while nobody else touches it."""
        if self._pubsub is not None:
            with suppress(Exception):  # the old one is broken, however it ends
                await self._pubsub.aclose()
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=False)
        # One channel that nobody signals is always heard: so there is always something to read.
        channels = [self._key(one) for one in ("nobody", *self._hub.channels)]
        try:
            await self._pubsub.subscribe(*channels)
        except Exception as error:
            _log.debug("subscription not taken up", error=type(error).__name__)
            return False
        return True
