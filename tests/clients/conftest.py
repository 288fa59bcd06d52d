"""A scripted server and both clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from enhanced_prompt import ClientOptions, Retry, Timeouts

from .drivers import DRIVERS, Driver
from .scripted import Script, serving

# Waits between attempts are a matter of milliseconds here.
QUICK = ClientOptions(
    retry=Retry(attempts=3, first=0.001, longest=0.01),
    reattach=Retry(attempts=4, first=0.001, longest=0.01),
    timeouts=Timeouts(unary=20, turn=20, prewarm=20, ingest=20, health=20),
    metadata={"x-from": "test"},
    ingest_batch=3,
)


@pytest.fixture
async def script() -> AsyncGenerator[Script, None]:
    """What the server does; `script.target` is its address."""
    found = Script()
    async with serving(found):
        yield found


@pytest.fixture(params=sorted(DRIVERS))
async def driver(request: pytest.FixtureRequest, script: Script) -> AsyncGenerator[Driver, None]:
    """A client of each kind, connected to the scripted server."""
    found = DRIVERS[request.param](script.target, QUICK)
    yield found
    await found.close()
