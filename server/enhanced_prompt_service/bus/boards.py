"""Boards and ledgers in Redis: each operation is one script, and happens whole or not at all.

A board is a hash of notes, and a sorted set of when each one's time passes by the server's clock:
those of processes may differ. The two share a hash tag, and so do a ledger and its writers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)"

_PIN = f"""
{_NOW}
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""

_NOTES = f"""
{_NOW}
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)
for _, name in ipairs(gone) do
    redis.call('HDEL', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
end
return redis.call('HGETALL', KEYS[1])
"""

_UNPIN = """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
"""

# A ledger that is not there is begun anew, and then nothing of its writers counts any more.
_ADD = """
local last = -1
local id = redis.call('HGET', KEYS[1], 'id')
if id then
    last = tonumber(redis.call('GET', KEYS[2]) or '-1')
else
    id = ARGV[4] .. ' ' .. ARGV[1]
    redis.call('HSET', KEYS[1], 'id', id)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], math.max(last, tonumber(ARGV[1])), 'PX', ARGV[2])
if tonumber(ARGV[1]) <= last then return id end
local since = redis.call('HGET', KEYS[1], 'since')
if not since or tonumber(ARGV[3]) < tonumber(since) then
    redis.call('HSET', KEYS[1], 'since', ARGV[3])
end
for i = 5, #ARGV, 2 do
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1])
end
return id
"""

Run = Callable[[Awaitable[Any]], Awaitable[Any]]


class Boards:
    """`do` runs a command and raises Unavailable where it fails; `key` makes a key of a name."""

    def __init__(self, redis: Any, do: Run, key: Callable[[str], str]) -> None:
        self._do = do
        self._key = key
        self._pin = redis.register_script(_PIN)
        self._notes = redis.register_script(_NOTES)
        self._unpin = redis.register_script(_UNPIN)
        self._add = redis.register_script(_ADD)
        self._redis = redis

    async def pin(self, board: str, name: str, value: bytes, ttl_s: float) -> None:
        """See `Bus.pin`."""
        await self._do(self._pin(self._board(board), [name, value, _ms(ttl_s)]))

    async def notes(self, board: str) -> dict[str, bytes]:
        """See `Bus.notes`."""
        flat = await self._do(self._notes(self._board(board), []))
        return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}

    async def unpin(self, board: str, name: str) -> None:
        """See `Bus.unpin`."""
        await self._do(self._unpin(self._board(board), [name]))

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
        keys = [self._key(f"{{{ledger}}}:sums"), self._key(f"{{{ledger}}}:writer:{writer}")]
        arguments: list[Any] = [number, _ms(ttl_s), repr(since), writer]
        for name, amount in amounts.items():
            arguments += [name, repr(amount)]
        return (await self._do(self._add(keys, arguments))).decode()

    async def sums(self, ledger: str) -> dict[str, float]:
        """See `Bus.sums`."""
        found = await self._do(self._redis.hgetall(self._key(f"{{{ledger}}}:sums")))
        return {name.decode(): float(value) for name, value in found.items() if name != b"id"}

    def _board(self, board: str) -> list[str]:
        return [self._key(f"{{{board}}}:notes"), self._key(f"{{{board}}}:ends")]


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
