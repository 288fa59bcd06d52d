"""The simulated site and the paced model, each with two workers behind an Envoy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from enhanced_prompt import Client
from gateway.launch import Gateway
from gateway.options import Pages
from tests.gateway.conftest import gateway_to
from tests.support.binaries import ROOT
from tests.support.browser import built_app, chromium, problems
from tests.support.redis import RedisServer, redis_server
from tests.workers.service import Workers, until, workers

CLOCK = "2026-11-20T16:30:00+00:00"
"""When it is on the simulated site as a test begins."""
NOW = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
WIDE = (1280, 800)
NARROW = (390, 844)

START_S = 120.0
Open = Callable[..., Page]
# An upper bound for whatever a page is waited for; a working machine never comes near.
expect.set_options(timeout=45_000)


class Site:
    """A running service with an edge."""

    def __init__(self, service: Workers, gateway: Gateway) -> None:
        self.service = service
        self.gateway = gateway

    @property
    def url(self) -> str:
        """Where the app is."""
        return f"http://{self.gateway.address}"

    def client(self) -> Client:
        """Direct to the workers' shared port."""
        return Client(self.service.address)


@contextmanager
def served(home: Path, redis: RedisServer, **settings: str) -> Iterator[Workers]:
    """`eps serve --workers 2` with the embedded engine, and a past to ask about."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "EPS_HOME": str(home),
        "EPS_PORT": "0",
        "EPS_WORKERS": "2",
        "EPS_CLOCK": CLOCK,
        "EPS_REDIS_URL": redis.url,
        "EPS_REDIS_PREFIX": home.name,
        "EPS_INSIGHTS": "false",  # a test says what is unusual
        **settings,
    }
    eps = str(Path(sys.executable).with_name("eps"))
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [eps, "serve"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        record = home / "server.json"
        until(lambda: record.exists() or process.poll() is not None, within_s=START_S)
        if process.poll() is not None:
            raise RuntimeError((home / "log").read_text())
        yield Workers(process, home)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@contextmanager
def edge(folder: Path, service: Workers) -> Iterator[Site]:
    """The gateway with the built app in front of both workers."""
    upstreams = [service.own(0), service.own(1)]
    with gateway_to(folder, upstreams, pages=Pages(built_app())) as gateway:
        yield Site(service, gateway)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two weeks of the simulated site, without what its detectors say of it."""
    built_app()
    with (
        redis_server() as redis,
        served(tmp_path_factory.mktemp("simulated"), redis) as service,
        edge(tmp_path_factory.mktemp("simulated-edge"), service) as site,
    ):
        feed = [str(Path(sys.executable).with_name("eps")), "simulate", "--once", "--weeks", "2"]
        subprocess.run(
            [*feed, "--server", service.address, "--clock", CLOCK, "--public-url", site.url],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=100,
        )
        yield site


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Workers whose agent says 100 tokens in three seconds."""
    built_app()
    with (
        redis_server() as redis,
        workers(tmp_path_factory.mktemp("paced"), redis, pause_s=0.03) as service,
        edge(tmp_path_factory.mktemp("paced-edge"), service) as site,
    ):
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: its loop must have ended before an asynchronous test begins."""
    with chromium() as running:
        yield running


@pytest.fixture
def window(browser: Browser) -> Iterator[Open]:
    """Opens pages in windows of their own, and looks for complaints of theirs at the end.

    A failed request is one that a test may have wanted (`allow_failures`); an exception never is.
    """
    contexts = []
    complaints: list[list[str]] = []
    allowed = [False]

    def opening(
        url: str,
        *,
        size: tuple[int, int] = WIDE,
        dark: bool = False,
        allow_failures: bool = False,
        **more: object,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(45_000)
        complaints.append(problems(page))
        allowed[0] |= allow_failures
        page.goto(url)
        return page

    yield opening
    for context in contexts:
        context.close()
    found = [one for said in complaints for one in said]
    if allowed[0]:
        found = [one for one in found if not re.search(r"Failed to load resource|ERR_", one)]
    assert found == []


def ask(page: Page, question: str) -> None:
    """Type a question and send it."""
    page.get_by_label("Question", exact=True).fill(question)
    page.keyboard.press("Enter")


def refuse(route: Route) -> None:
    """As if the network were gone, for one address."""
    route.abort("connectionrefused")
