"""Everything can be reached and done without a pointer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Open, Site

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]


def focused(page: Page) -> str:
    """What has the focus, as a screen reader would say it."""
    return page.evaluate(
        "document.activeElement.ariaLabel ?? document.activeElement.innerText ?? ''"
    ).strip()


def tab_to(page: Page, wanted: str, most: int = 60) -> None:
    """Press Tab until something is focused."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if re.search(wanted, focused(page)):
            return
    raise AssertionError(f"{wanted!r} was not reached by Tab")


def test_a_question_is_asked_stopped_and_its_evidence_reached_by_keys(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/metrics")
    expect(page.get_by_test_id("metric-cards")).to_be_visible()
    page.keyboard.press("/")
    field = page.get_by_label("Question", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    page.keyboard.type("what happened in camera 3 today?")
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_attribute("data-status", "completed")
    page.keyboard.press("Shift+Tab")
    page.locator("#main").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.locator(".cited:focus").count():
            break
    expect(page.locator(".cited:focus")).to_have_count(1)
    expect(page.locator(".evidence li[data-lit=true]").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".evidence li[data-lit=true]")).to_be_focused()


def test_escape_stops_an_answer(paced: Site, window: Open) -> None:
    page = window(paced.url)
    expect(page.get_by_role("textbox", name="Question")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("what happened?")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("answer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".turn")).to_have_attribute("data-status", "cancelled")


def test_commands_open_pages_ask_and_leave(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    search = page.get_by_role("combobox", name="Search commands")
    expect(search).to_be_focused()
    page.keyboard.type("metr")
    expect(page.get_by_role("option", name="Live metrics")).to_have_attribute(
        "aria-selected", "true"
    )
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{simulated.url}/metrics")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    page.keyboard.type("which camera was busiest yesterday?")
    expect(page.get_by_role("option", name=re.compile("^Ask"))).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_attribute("data-status", "completed")


def test_the_first_tab_leads_past_the_navigation(simulated: Site, window: Open) -> None:
    page = window(f"{simulated.url}/insights")
    expect(page.get_by_role("heading", name="Insights")).to_be_visible()
    expect(page.get_by_role("button", name="Open", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the page"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Open", exact=True)).to_be_focused()


def test_the_appearance_is_changed_by_keys_and_kept(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    tab_to(page, "Dark appearance")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Light appearance")).to_be_focused()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.reload()
    expect(page.get_by_role("button", name="Light appearance")).to_be_visible()
    assert page.evaluate(background) == dark
