"""Whether Redis is there: what the newest command says counts, however late an older one fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from enhanced_prompt_service.bus import RedisBus
from enhanced_prompt_service.domain.errors import Unavailable
from tests.support.redis import redis_server

pytestmark = pytest.mark.redis


async def test_a_command_that_fails_late_does_not_hide_that_redis_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, gives_up = asyncio.Event(), asyncio.Event()

    async def trying(*_: object) -> None:
        """As the client does: again and again, while Redis is away."""
        began.set()
        await gives_up.wait()
        raise RedisAway("refused")

    with redis_server() as server:
        async with RedisBus(server.url) as bus:
            redis: Any = bus._redis
            monkeypatch.setattr(redis, "get", trying)
            early = asyncio.create_task(bus.get("key"))
            await began.wait()
            await bus.ping()
            gives_up.set()
            with pytest.raises(Unavailable):
                await early
            assert bus.up
            with pytest.raises(Unavailable):
                await bus.get("key")
            assert not bus.up
            await bus.ping()
            assert bus.up
