"""The pictures of docs/screens: each page, light and dark, wide and narrow.

They are taken anew only where EPS_SCREENS is set (`make screens`); otherwise what is tested is that
each stands in docs/screens, small enough to be looked at anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.binaries import ROOT
from tests.web import showing
from tests.web.conftest import NARROW, WIDE, Open, Site, ask
from tests.web.test_insights import publish

FOLDER = ROOT / "docs" / "screens"
MOST_BYTES = 200_000
WINDOWS = {
    "light": (WIDE, False),
    "dark": (WIDE, True),
    "light-390": (NARROW, False),
    "dark-390": (NARROW, True),
}


def asked(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/ask")
    ask(page, "what happened in camera 3 today?")
    expect(page.locator(".turn")).to_have_attribute("data-status", "completed")
    cited = page.locator(".cited").first
    cited.hover()


def insight(page: Page, site: Site) -> None:
    found = publish(site, "Loading Dock: many more people than usual")
    publish(site, "Main Gate: nothing seen for 4 h", severity=2, affected_cameras=["cam-06"])
    publish(
        site,
        "Server Room: person at an unusual hour",
        severity=4,
        affected_cameras=["cam-08"],
    )
    page.goto(f"{site.url}/insights/{found.insight_id}")
    expect(page.locator(".recharts-bar-rectangle").first).to_be_visible()


def numbers(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/metrics")
    expect(page.get_by_test_id("metric-cards")).to_be_visible()
    with site.client() as client:
        for camera in range(1, 13):
            client.answer(f"what happened in camera {camera} today?")
    expect(page.get_by_role("cell", name="PromptService/Answer").first).to_be_visible()
    expect(page.locator(".recharts-area-curve").first).to_be_visible()


def signing_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/sign-in")
    expect(page.get_by_label("Token")).to_be_visible()


PAGES: dict[str, Callable[[Page, Site], None]] = {
    "ask": asked,
    "insights": insight,
    "metrics": numbers,
    "sign-in": signing_in,
    "timeline": showing.timeline,
    "dashboard": showing.dashboard,
    "history": showing.history,
    "templates": showing.templates,
}
"""By the name of the picture: how the page comes to show what is worth a picture."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("window_name", WINDOWS)
@pytest.mark.parametrize("name", PAGES)
def test_each_page_has_its_pictures(
    name: str, window_name: str, request: pytest.FixtureRequest
) -> None:
    picture = FOLDER / f"{name}-{window_name}.png"
    if os.environ.get("EPS_SCREENS"):
        site: Site = request.getfixturevalue("simulated")
        window: Open = request.getfixturevalue("window")
        size, dark = WINDOWS[window_name]
        page = window(f"{site.url}/sign-in", size=size, dark=dark)
        PAGES[name](page, site)
        _take(page, picture)
    assert picture.stat().st_size <= MOST_BYTES


def _take(page: Page, picture: Path) -> None:
    page.evaluate("document.fonts.ready")
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=picture, animations="disabled", caret="hide")
