"""Each language, built once a run; its driver, and the scripted server of tests/clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

import pytest

from tests.clients.scripted import Script, serving

from .driving import OtherDriver, Process
from .languages import LANGUAGES, Programs


@pytest.fixture(scope="session", params=sorted(LANGUAGES))
def language(request: pytest.FixtureRequest) -> str:
    """Its name."""
    return request.param


@pytest.fixture(scope="session")
def programs(language: str) -> Programs:
    """Its programs, built."""
    return LANGUAGES[language]()


@pytest.fixture(scope="session")
def process(programs: Programs) -> Iterator[Process]:
    """Its `drive`, for the whole run."""
    running = Process(programs.drive)
    yield running
    running.close()


@pytest.fixture
async def script() -> AsyncGenerator[Script, None]:
    """What the server does; `script.target` is its address."""
    found = Script()
    async with serving(found):
        yield found


@pytest.fixture
def driver(process: Process, script: Script) -> OtherDriver:
    """The client, connected to the scripted server."""
    return OtherDriver(process, script.target)
