"""Live metrics move while one looks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Open, Site, refuse

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]


def card(page: Page, name: str) -> str:
    """The number on a card."""
    found = (
        page.get_by_test_id("metric-cards").locator("div").filter(has_text=re.compile(f"^{name}"))
    )
    return found.locator("dd").inner_text().splitlines()[0]


def test_numbers_requests_and_health_move_while_questions_are_asked(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/metrics")
    expect(page.get_by_test_id("metric-cards")).to_be_visible()
    before = int(card(page, "Requests").replace(",", ""))
    with simulated.client() as client:
        for camera in range(1, 6):
            client.answer(f"what happened in camera {camera} today?")
    requests = page.get_by_role("region", name="Recent requests")
    expect(requests.get_by_role("cell", name="PromptService/Answer").first).to_be_visible()
    page.wait_for_function(
        "before => Number(document.querySelector('[data-testid=metric-cards] dd').firstChild"
        ".textContent.replace(',', '')) >= before + 5",
        arg=before,
    )
    expect(page.locator(".metrics-charts .recharts-area-curve")).to_have_count(3)
    health = page.get_by_role("region", name="System health")
    expect(health.get_by_role("list", name="Replicas").get_by_role("listitem")).to_have_count(2)
    expect(health.locator("h2")).to_contain_text("healthy")
    models = page.get_by_role("region", name="Models")
    expect(models.get_by_role("cell", name="Embedded engine")).to_be_visible()


def test_errors_appear_with_what_they_are_called_and_can_be_cleared(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/metrics", allow_failures=True)
    expect(page.get_by_test_id("metric-cards")).to_be_visible()
    errors = page.get_by_role("region", name="Errors")
    expect(errors.get_by_text("None.")).to_be_visible()


def test_where_the_stream_does_not_get_through_the_page_asks_again_and_again(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/sign-in", allow_failures=True)
    page.route(re.compile("/SubscribeMetrics$"), refuse)
    page.goto(f"{simulated.url}/metrics")
    expect(page.get_by_text("asked for every 5 s")).to_be_visible()
    expect(page.get_by_test_id("metric-cards")).to_be_visible()
