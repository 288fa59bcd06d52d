"""The real application, in this process, over TCP on loopback, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt_service.app import App, create_app
from enhanced_prompt_service.config import Settings
from tests.support.databases import (  # noqa: F401 - fixtures
    database_url,
    postgres,
    postgres_template,
)

Start = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture
def start(tmp_path: Path, database_url: str) -> Start:  # noqa: F811
    """Starts the application on a free port, on this test's own database."""

    @asynccontextmanager
    async def starting(make_agent: Any = None, **settings: Any) -> AsyncIterator[App]:
        chosen = Settings(
            **{
                "home": tmp_path / "home",
                "port": 0,
                "metrics_port": None,
                "drain_s": 0.2,  # turns that a test left running are not waited for
                "database_url": database_url,
            }
            | settings
        )
        more = {} if make_agent is None else {"make_agent": make_agent}
        async with create_app(chosen, **more) as app:
            yield app

    return starting
