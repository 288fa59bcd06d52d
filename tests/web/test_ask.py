"""Ask: a question is answered with what it rests on; stopped, bettered and gone on from."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.bench.models import TOKENS
from tests.web.conftest import Open, Site, ask

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]
WHOLE = "".join(TOKENS)
QUESTION = "what happened in camera 3 today?"


def answered(page: Page) -> None:
    """Until the newest turn is complete."""
    expect(page.locator(".turn").last).to_have_attribute("data-status", "completed")


def test_a_question_is_answered_with_times_evidence_and_how_it_was_understood(
    simulated: Site, window: Open
) -> None:
    page = window(simulated.url)
    ask(page, QUESTION)
    answered(page)
    turn = page.locator(".turn")
    expect(turn.get_by_role("heading", name=QUESTION)).to_be_visible()
    expect(turn.get_by_test_id("answer")).to_contain_text(re.compile(r"\d+ events .*Loading Dock"))
    expect(turn.locator(".meta")).to_contain_text(re.compile(r"took \d"))
    expect(turn.locator(".meta time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    expect(turn.get_by_text("Understood")).to_be_visible()
    expect(turn.get_by_text(re.compile("of that time"))).to_be_visible()
    evidence = turn.get_by_role("region", name="Evidence").get_by_role("listitem")
    expect(evidence).to_have_count(6)
    turn.get_by_role("button", name=re.compile("Show .* more")).click()
    assert evidence.count() > 6
    expect(evidence.first).to_contain_text("Loading Dock")


def test_a_cited_span_lights_up_its_evidence_and_leads_to_it(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    ask(page, QUESTION)
    answered(page)
    cited = page.locator(".cited").first
    text = cited.inner_text()
    cited.hover()
    lit = page.locator(".evidence li[data-lit=true]")
    expect(lit).to_have_count(1)
    assert text.lower()[:20] in lit.inner_text().lower()
    cited.click()
    expect(lit).to_be_focused()
    page.locator(".evidence li").first.hover()
    expect(page.locator(".cited[data-lit=true]").first).to_be_visible()


def test_the_clip_of_a_piece_of_evidence_opens(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    ask(page, QUESTION)
    answered(page)
    with page.context.expect_page() as opening:
        page.locator(".evidence li").first.get_by_role("link", name="Clip").click()
    clip = opening.value
    clip.wait_for_load_state()
    assert clip.url.startswith(simulated.url)
    expect(clip.locator("text=simulation").first).to_be_attached()


def test_a_follow_up_is_one_click_and_stays_in_the_conversation(
    simulated: Site, window: Open
) -> None:
    page = window(simulated.url)
    ask(page, QUESTION)
    answered(page)
    address = page.url
    follow_up = page.get_by_role("list", name="Ask next").get_by_role("button").first
    question = follow_up.inner_text()
    follow_up.click()
    expect(page.locator(".turn")).to_have_count(2)
    answered(page)
    expect(page.locator(".turn").last.get_by_role("heading", name=question)).to_be_visible()
    assert page.url == address
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator(".turn").first.get_by_test_id("answer")).to_contain_text("Loading Dock")


def test_how_the_answer_came_about_can_be_looked_at(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    ask(page, QUESTION)
    answered(page)
    page.get_by_text("Reasoning").click()
    steps = page.locator(".reasoning li")
    expect(steps.first).to_be_visible()
    expect(page.locator(".reasoning")).to_contain_text("cam-03")
    expect(page.locator(".reasoning")).to_contain_text("events match")


def test_a_question_is_made_better_and_taken(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    field = page.get_by_label("Question", exact=True)
    field.fill("people yesterday?")
    page.get_by_role("button", name="Make this question better").click()
    better = page.get_by_role("region", name="A better question")
    expect(better.get_by_role("listitem").first).to_be_visible()
    better.get_by_role("button", name="Use it").click()
    expect(better).to_be_hidden()
    expect(field).to_have_value(re.compile("19 November 2026"))


def test_a_template_is_offered_for_questions_that_come_again_and_is_created_once(
    simulated: Site, window: Open
) -> None:
    page = window(simulated.url)
    for camera in ("1", "2", "3", "4"):
        ask(page, f"how many people were there in camera {camera} yesterday?")
        answered(page)
    offer = page.get_by_role("region", name="Template offer")
    expect(offer.first).to_be_visible()
    title = offer.first.locator("p").first.inner_text()
    offer.first.get_by_role("button", name="Create template").click()
    expect(page.get_by_text(re.compile("was created"))).to_be_visible()
    expect(offer).to_have_count(0)
    with simulated.client() as client:
        titles = [one.title for one in client.list_templates()]
    assert len(titles) == 1
    assert titles[0] in title


def test_stopping_keeps_what_was_said(paced: Site, window: Open) -> None:
    page = window(paced.url)
    ask(page, "what happened?")
    text = page.get_by_test_id("answer")
    expect(text).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn")).to_have_attribute("data-status", "cancelled")
    expect(page.get_by_text("Stopped; this is what was said so far.")).to_be_visible()
    kept = text.inner_text()
    assert WHOLE.startswith(kept.rstrip())
    assert len(kept) < len(WHOLE)
    # The service stopped as well, and kept the same.
    page.reload()
    expect(page.get_by_test_id("answer")).to_have_text(kept)


def test_the_next_question_waits_for_the_one_before(paced: Site, window: Open) -> None:
    page = window(paced.url)
    ask(page, "first?")
    expect(page.get_by_test_id("answer")).to_be_visible()
    ask(page, "second?")
    expect(page.get_by_text("Next in line.")).to_be_visible()
    expect(page.locator(".turn").last).to_have_attribute("data-status", "completed")
    expect(page.get_by_test_id("answer").last).to_have_text(WHOLE.strip())
