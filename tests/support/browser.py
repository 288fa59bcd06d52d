"""A real Chromium with nothing of its own to say to the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from scripts import web

from . import require

ARGUMENTS = (
    "--no-sandbox",  # tests run as root, also in containers
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
)


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """The system's own; Playwright's download is not needed."""
    path = require.program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


def built_app() -> Path:
    """The folder of the built web app, built now where its sources changed; or skip."""
    if lack := web.missing():
        pytest.skip(f"the web app is not built: {lack}")
    assert web.build() == 0, "the web app does not build"
    return web.DIST


def problems(page: Any) -> list[str]:
    """Collects what a page complains of: exceptions, and errors on its console."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda said: said.type == "error" and found.append(said.text))
    return found
