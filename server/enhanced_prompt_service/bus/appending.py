"""Adds to turn logs in Redis: one command an addition, one round trip for all that wait.

A busy process has hundreds of turns that write. A connection and a round trip for each, and a
command for each frame, cost more than the turns themselves, and under load they ran into their
time-outs, which made the bus look away. So what comes while one round trip is under way goes
together with the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from enhanced_prompt_service.domain.bus import LogEntry

BATCH = 500
"""Frames in one command: Redis serves nobody else while it adds them."""
TOGETHER = 64
"""Commands in one round trip."""

# An id that is not above the last one was added before, which is what idempotent means, or another
# runner has begun the next attempt meanwhile: the newest id, which it returns, tells.
SCRIPT = """
for i = 5, #ARGV, 3 do
    local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2],
        ARGV[4] .. '-' .. ARGV[i], 'k', ARGV[i + 1], 'f', ARGV[i + 2])
    if type(added) == 'table' and added.err
        and not string.find(added.err, 'equal or smaller', 1, true) then
        return added
    end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[3], '')
return redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]
"""

Run = Callable[[Awaitable[Any]], Awaitable[Any]]


class Appender:
    """The one writer of a process. `do` runs a command and raises Unavailable where it fails."""

    def __init__(self, redis: Any, do: Run) -> None:
        self._redis = redis
        self._do = do
        self._sha = ""
        self._waiting: list[tuple[list[Any], asyncio.Future[bytes]]] = []
        self._wanted = asyncio.Event()
        self._over = False

    async def append(
        self,
        key: str,
        channel: str,
        attempt: int,
        entries: Sequence[LogEntry],
        *,
        ttl_ms: int,
        cap: int,
    ) -> int:
        """Add frames and signal; the newest attempt that the log has. Raises Unavailable."""
        newest = attempt
        for first in range(0, len(entries), BATCH):
            arguments: list[Any] = [1, key, ttl_ms, cap, channel, attempt]
            for entry in entries[first : first + BATCH]:
                arguments += (entry.sequence, entry.kind, entry.encoded)
            if self._over:
                await self._do(_closed())
            added: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._waiting.append((arguments, added))
            self._wanted.set()
            newest = int((await added).split(b"-")[0])
        return newest

    async def run(self) -> None:
        """Write, until it is cancelled."""
        try:
            while True:
                await self._wanted.wait()
                batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                if not self._waiting:
                    self._wanted.clear()
                batch = [one for one in batch if not one[1].done()]  # whose turn went meanwhile
                if batch:
                    await self._write(batch)
        finally:
            self._over = True
            for _, added in self._waiting:
                added.cancel()

    async def _write(self, batch: list[tuple[list[Any], asyncio.Future[bytes]]]) -> None:
        results: list[Any]
        try:
            results = await self._send([arguments for arguments, _ in batch])
        except asyncio.CancelledError:
            for _, added in batch:
                added.cancel()
            raise
        except Exception as error:  # of the bus being away, for all of them
            results = [error] * len(batch)
        for (_, added), result in zip(batch, results, strict=True):
            if added.done():
                continue
            if isinstance(result, Exception):
                added.set_exception(result)
            else:
                added.set_result(result)

    async def _send(self, commands: list[list[Any]]) -> list[Any]:
        if not self._sha:
            self._sha = await self._do(self._redis.script_load(SCRIPT))
        results = await self._together(commands)
        if any(isinstance(one, NoScriptError) for one in results):  # Redis came back without it
            self._sha = await self._do(self._redis.script_load(SCRIPT))
            results = await self._together(commands)
        failed = [one for one in results if isinstance(one, Exception)]
        return [await self._refused(one) for one in results] if failed else results

    async def _together(self, commands: list[list[Any]]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for arguments in commands:
            pipe.evalsha(self._sha, *arguments)
        return await self._do(pipe.execute(raise_on_error=False))

    async def _refused(self, result: Any) -> Any:
        """A command that Redis refused (it may be out of memory) is as good as Redis away."""
        if not isinstance(result, Exception):
            return result

        try:
            await self._do(_raise(result))
        except Exception as error:
            return error
        return result


async def _raise(error: Exception) -> None:
    raise error


async def _closed() -> None:
    raise ConnectionError("this process has left the bus")
