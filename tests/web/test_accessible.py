"""axe finds nothing serious on any page, light and dark, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from scripts import web
from tests.web.conftest import NARROW, WIDE, Open, Site, ask
from tests.web.test_insights import publish

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]
AXE = web.MODULES / "axe-core" / "axe.min.js"
LOOK = """async () => {
  const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => [id, nodes.slice(0, 3).map((one) => one.failureSummary + one.html)]);
}"""


def welcome(page: Page, site: Site) -> None:
    expect(page.get_by_role("list", name="Questions to begin with")).to_be_visible()


def answer(page: Page, site: Site) -> None:
    ask(page, "what happened in camera 3 today?")
    expect(page.locator(".turn")).to_have_attribute("data-status", "completed")
    page.get_by_text("Reasoning").click()
    page.locator(".cited").first.hover()


def commands(page: Page, site: Site) -> None:
    expect(page.get_by_text("Live", exact=True).first).to_be_attached()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_visible()


def insight(page: Page, site: Site) -> None:
    expect(page.get_by_role("region", name="The chosen insight").locator("h2")).to_be_visible()


def insights(page: Page, site: Site) -> None:
    expect(page.locator(".insight-list li").first).to_be_visible()


def numbers(page: Page, site: Site) -> None:
    expect(page.locator(".metrics-charts .recharts-surface").first).to_be_visible()
    expect(page.get_by_role("region", name="System health")).to_be_visible()


def signing_in(page: Page, site: Site) -> None:
    expect(page.get_by_label("Token")).to_be_visible()


PAGES: dict[str, tuple[str, Callable[[Page, Site], None]]] = {
    "welcome": ("/", welcome),
    "answer": ("/ask", answer),
    "commands": ("/", commands),
    "insights": ("/insights", insights),
    "insight": ("/insights/{insight}", insight),
    "metrics": ("/metrics", numbers),
    "sign-in": ("/sign-in", signing_in),
}


@pytest.fixture(scope="module")
def published(simulated: Site) -> str:
    return publish(simulated, "Crowd at the dock").insight_id


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(
    simulated: Site, published: str, window: Open, name: str, dark: bool
) -> None:
    path, prepare = PAGES[name]
    page = window(simulated.url + path.format(insight=published), size=WIDE, dark=dark)
    prepare(page, simulated)
    _look(page)


@pytest.mark.parametrize("name", ["answer", "insight", "metrics"])
def test_a_narrow_page_has_everything_and_does_not_scroll_sideways(
    simulated: Site, published: str, window: Open, name: str
) -> None:
    path, prepare = PAGES[name]
    page = window(simulated.url + path.format(insight=published), size=NARROW)
    prepare(page, simulated)
    _look(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    body = page.locator(".page-body, .insight-detail").last
    assert body.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    expect(page.get_by_role("navigation").get_by_role("link", name="Ask")).to_be_visible()


def _look(page: Page) -> None:
    # As a debugger would, not as a script of the page, which its policy would refuse.
    page.evaluate(AXE.read_text())
    found = page.evaluate(LOOK)
    assert found == [], json.dumps(found, indent=2)
