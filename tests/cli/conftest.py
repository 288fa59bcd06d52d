"""The application in a thread of its own, and `eps` to call it with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from enhanced_prompt import Client
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.cli.app import app as command
from enhanced_prompt_service.config import Settings

from .agent import SpokenAgent


@dataclass(frozen=True)
class Service:
    """A running application."""

    address: str
    agent: SpokenAgent


Eps = Callable[..., Result]


def run_service(home: Path) -> Iterator[Service]:
    """Runs the application until the generator is closed."""
    agent = SpokenAgent()
    started = threading.Event()
    running: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
    failures: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with create_app(Settings(home=home, port=0, drain_s=0), make_agent=agent) as app:
            running.append((app.address, asyncio.get_running_loop(), stop))
            started.set()
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    if failures:
        raise failures[0]
    address, loop, stop = running[0]
    try:
        with capture_logs():  # this process's standard output is the command's
            yield Service(address, agent)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
    assert not failures


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One application for the tests of a module."""
    yield from run_service(tmp_path_factory.mktemp("home"))


@pytest.fixture
def fresh_service(tmp_path: Path) -> Iterator[Service]:
    """An application with a database that nobody wrote to."""
    yield from run_service(tmp_path / "server")


@pytest.fixture
def client_home(tmp_path: Path) -> Path:
    """EPS_HOME of the command."""
    return tmp_path / "client"


@pytest.fixture
def eps_of(client_home: Path) -> Callable[[Service], Eps]:
    """`eps`, calling a service."""

    def make(service: Service) -> Eps:
        def call(*arguments: object, **env: str | None) -> Result:
            result = CliRunner().invoke(
                command,
                [str(one) for one in arguments],
                env={
                    "EPS_SERVER": service.address,
                    "EPS_HOME": str(client_home),
                    "EPS_CLOCK": None,
                    "COLUMNS": "200",
                    **env,
                },
            )
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            return result

        return call

    return make


@pytest.fixture
def eps(eps_of: Callable[[Service], Eps], service: Service) -> Eps:
    """`eps`, calling the module's service."""
    return eps_of(service)


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """A client of the module's service."""
    with Client(service.address) as found:
        yield found
