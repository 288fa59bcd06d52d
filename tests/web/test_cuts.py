"""What is lost on the way to the page is not lost on the page."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Page, Response, expect

from tests.bench.models import TOKENS
from tests.web.conftest import Open, Site, ask

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]
WHOLE = "".join(TOKENS).strip()


def replicas(page: Page) -> list[str]:
    """Which replica answered each Ask and WatchTurn, as they come."""
    found: list[str] = []

    def note(response: Response) -> None:
        if re.search(r"/(Ask|WatchTurn)$", response.url):
            found.append(response.headers.get("x-replica", ""))

    page.on("response", note)
    return found


def half_said(page: Page) -> None:
    """Until some of the answer stands there, and not all of it."""
    expect(page.get_by_test_id("answer")).to_have_text(re.compile(r"\w+\W+\w+\W+\w+"))


def whole_once(page: Page, turns: int = 1) -> None:
    """The answer in full, once, after all that happened."""
    expect(page.locator(".turn").last).to_have_attribute("data-status", "completed")
    expect(page.get_by_test_id("answer")).to_have_text([WHOLE] * turns)


def test_a_worker_killed_in_mid_answer_leaves_the_complete_answer_once(
    paced: Site, window: Open
) -> None:
    page = window(paced.url, allow_failures=True)
    asked = replicas(page)
    ask(page, "what happened?")
    half_said(page)
    index = int(asked[0].partition("-")[0])
    pid = paced.service.kill(index, signal.SIGKILL)
    whole_once(page)
    assert len(asked) > 1
    expect(page.get_by_text("The service can't be reached.")).to_be_hidden()
    with paced.client() as client:
        conversation = page.url.rpartition("/")[2]
        messages = list(client.list_messages(conversation))
    assert [one.content.strip() for one in messages] == ["what happened?", WHOLE]
    paced.service.replaced(index, pid)


def test_a_reload_in_mid_answer_goes_on_with_the_same_turn(paced: Site, window: Open) -> None:
    page = window(paced.url, allow_failures=True)
    ask(page, "what happened?")
    half_said(page)
    page.reload()
    whole_once(page)
    with paced.client() as client:
        assert len(list(client.list_messages(page.url.rpartition("/")[2]))) == 2


def test_another_window_sees_the_turn_that_runs(paced: Site, window: Open) -> None:
    page = window(paced.url)
    ask(page, "what happened?")
    half_said(page)
    other = window(page.url)
    half_said(other)
    whole_once(other)
    whole_once(page)


def test_the_gateway_restarted_in_mid_answer_is_not_seen_in_the_answer(
    paced: Site, window: Open
) -> None:
    page = window(paced.url, allow_failures=True)
    ask(page, "what happened?")
    half_said(page)
    paced.gateway.stop()
    paced.gateway.start()
    whole_once(page)


def test_offline_says_so_and_sends_what_was_asked_meanwhile_once(paced: Site, window: Open) -> None:
    page = window(paced.url, allow_failures=True)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    paced.gateway.stop()
    try:
        page.evaluate("dispatchEvent(new Event('offline'))")
        banner = page.get_by_role("alert").filter(has_text="The service can't be reached.")
        expect(banner).to_be_visible()
        ask(page, "asked while offline?")
        expect(page.get_by_text("Waits for the service")).to_be_visible()
        # Tried while nothing is there: once the gateway is back, the page's own next try may well
        # be faster than a hand.
        banner.get_by_role("button", name="Try now").click()
        expect(banner).to_be_visible()
        expect(page.get_by_text("Waits for the service")).to_be_visible()
    finally:
        paced.gateway.start()
    expect(banner).to_be_hidden()
    whole_once(page)
    with paced.client() as client:
        messages = list(client.list_messages(page.url.rpartition("/")[2]))
    assert [one.content.strip() for one in messages] == ["asked while offline?", WHOLE]


def test_a_question_that_waits_can_be_taken_back(paced: Site, window: Open) -> None:
    page = window(paced.url, allow_failures=True)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("The service can't be reached.")).to_be_visible()
    ask(page, "never mind?")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.context.set_offline(False)
    expect(page.get_by_text("The service can't be reached.")).to_be_hidden()
    expect(page.locator(".turn")).to_have_count(0)
