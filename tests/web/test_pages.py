"""Timeline, Dashboard, History and Templates: what they show is what the service has."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from enhanced_prompt.v1.events_pb2 import Event
from tests.web import showing
from tests.web.conftest import NOW, Open, Site, refuse
from tests.web.showing import CONVERSATION, QUESTIONS
from tests.web.test_insights import publish

pytestmark = pytest.mark.redis
MIDNIGHT = NOW.replace(hour=0, minute=0)
HOUR = NOW.replace(day=19, hour=10, minute=0)
DOCK = "cam-03"


def number(found: Locator) -> int:
    """The first number that stands there."""
    text = re.search(r"[\d,]+", found.inner_text())
    assert text
    return int(text.group().replace(",", ""))


def lane(page: Page, name: str) -> Locator:
    """The lane of a camera, by what people call it."""
    return page.locator(".lane").filter(has=page.get_by_role("button", name=re.compile(f"^{name}")))


# ---- timeline -----------------------------------------------------------------------------------


def test_the_timeline_counts_what_the_service_counts_by_camera_and_hour(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/timeline")
    expect(page.locator(".lane")).to_have_count(13)  # twelve cameras, and all of them
    with simulated.client() as client:
        week = {"since": MIDNIGHT - timedelta(days=6), "until": MIDNIGHT + timedelta(days=1)}
        total = client.count_events(**week).total.matches
        dock = client.count_events(cameras=[DOCK], **week).total.matches
        hour = client.count_events(
            cameras=[DOCK], since=HOUR, until=HOUR + timedelta(hours=1)
        ).total.matches
    assert number(lane(page, "All cameras").locator(".lane-name .quiet")) == total
    assert number(lane(page, "Loading Dock").locator(".lane-name .quiet")) == dock
    page.goto(f"{simulated.url}/timeline?camera={DOCK}&at=2026-11-19T10")
    expect(page.locator(".timeline-events h2")).to_have_text(
        re.compile(f"^{hour} events? · Loading Dock · Thu 19 Nov, 10:00 to 11:00")
    )


def test_time_that_was_not_recorded_is_shaded(simulated: Site, window: Open) -> None:
    page = window(f"{simulated.url}/timeline")
    expect(page.locator(".lane-plot").first).to_be_visible()
    start, end = MIDNIGHT - timedelta(days=6), MIDNIGHT + timedelta(days=1)
    with simulated.client() as client:
        cameras = list(client.list_coverage(start, end))
    gaps = {one.camera_id: len(one.recorded) - 1 for one in cameras if len(one.recorded) > 1}
    assert gaps
    for camera, count in gaps.items():
        shaded = page.locator(f"[data-lane={camera}] [data-kind=off]")
        # One more where the camera was off as the window begins, or still is.
        assert shaded.count() in (count, count + 1, count + 2)


def test_a_click_on_an_hour_shows_its_events_with_clips_that_open(
    simulated: Site, window: Open
) -> None:
    with simulated.client() as client:
        site = client.get_site(next(client.list_cameras()).site)
        site.clip_url_template = f"{simulated.url}/v1/events/{{event_id}}/clip"
        client.put_site(site)
        hours = client.count_events(
            cameras=[DOCK], since=MIDNIGHT, group_by=["local_hour"], limit=1
        ).groups
    busiest = int(hours[0].keys[0].partition("T")[2])
    page = window(f"{simulated.url}/timeline?span=1d")
    plot = page.locator(f"[data-lane={DOCK}]")
    box = plot.bounding_box()
    assert box
    plot.click(position={"x": box["width"] * (busiest + 0.5) / 24, "y": 10})
    heading = page.locator(".timeline-events h2")
    expect(heading).to_contain_text(f"Loading Dock · Fri 20 Nov, {busiest:02}:00")
    assert number(heading) == hours[0].matches
    cards = page.get_by_role("list", name="Events").get_by_role("listitem")
    expect(cards).to_have_count(min(24, hours[0].matches))
    for card in cards.all():
        expect(card).to_contain_text("Loading Dock")
    clip = cards.first.get_by_role("link", name="Clip").get_attribute("href")
    assert clip
    opened = page.request.get(clip)
    assert opened.ok
    assert opened.headers["content-type"].startswith("image/")
    page.get_by_role("button", name="Show all").click()
    expect(heading).to_contain_text("all cameras")


def test_buttons_wheel_and_keys_zoom_from_eight_weeks_to_a_day(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/timeline?span=8w")
    levels = page.get_by_role("group", name="How much of the time")
    chart = page.get_by_role("application")
    expect(chart).to_have_accessible_name("Events by camera and day")
    levels.get_by_role("button", name="Week", exact=True).click()
    expect(chart).to_have_accessible_name("Events by camera and hour")
    plot = page.locator(f"[data-lane={DOCK}]")
    box = plot.bounding_box()
    assert box
    plot.hover(position={"x": box["width"] * 0.98, "y": 10})  # on the newest day
    page.mouse.wheel(0, -120)
    pressed = levels.locator("[aria-pressed=true]")
    expect(pressed).to_have_text("3 days")
    chart.focus()
    page.keyboard.press("+")
    expect(pressed).to_have_text("Day")
    page.keyboard.press("+")  # there is nothing finer
    expect(pressed).to_have_text("Day")
    page.keyboard.press("PageUp")
    expect(page.locator(".timeline-span")).to_contain_text("19 Nov 2026")
    page.keyboard.press("-")
    expect(pressed).to_have_text("3 days")


def test_the_chart_is_walked_through_with_arrows(simulated: Site, window: Open) -> None:
    page = window(f"{simulated.url}/timeline?span=1d")
    chart = page.get_by_role("application")
    chart.focus()
    heading = page.locator(".timeline-events h2")
    page.keyboard.press("Home")
    expect(heading).to_contain_text("all cameras · Fri 20 Nov, 00:00 to 01:00")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(heading).to_contain_text("Main Entrance · Fri 20 Nov, 01:00 to 02:00")
    page.keyboard.press("Escape")
    expect(heading).to_contain_text(re.compile("all cameras$"))


def test_what_cannot_be_loaded_says_so_and_is_tried_again(simulated: Site, window: Open) -> None:
    page = window(f"{simulated.url}/sign-in", allow_failures=True)
    calls = re.compile("/(CountEvents|GetPromptAnalytics|ListConversations|ListTemplates)$")
    page.route(calls, refuse)
    for path in ("timeline", "dashboard", "history", "templates"):
        page.goto(f"{simulated.url}/{path}")
        expect(page.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()
    page.unroute(calls)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


# ---- dashboard ----------------------------------------------------------------------------------


def test_cards_and_charts_are_those_of_the_analytics_and_are_asked_for_again(
    simulated: Site, window: Open
) -> None:
    showing.conversations(simulated)
    page = window(f"{simulated.url}/sign-in")
    page.clock.install()
    page.goto(f"{simulated.url}/dashboard")
    cards = page.get_by_test_id("dashboard-cards").locator("dd")
    expect(cards).to_have_count(4)
    with simulated.client() as client:
        totals = client.get_prompt_analytics().totals
    expect(cards.nth(0)).to_contain_text(re.compile(f"^{totals.responses}"))
    expect(cards.nth(0)).to_contain_text("none before")
    expect(cards.nth(1)).to_contain_text(f"{totals.average_confidence * 100:.1f} %")
    charts = page.locator(".dashboard-chart")
    for title in (
        "Response time trend",
        "Confidence score distribution",
        "Hourly activity pattern",
        "Insight severity distribution",
    ):
        expect(charts.filter(has_text=title)).to_have_count(1)
    confidence = charts.filter(has_text="Confidence score distribution")
    shares = [number(one) for one in confidence.locator("li span:nth-of-type(2)").all()]
    assert sum(shares) == totals.responses
    for limits in ("0–0.3", "0.3–0.7", "0.7–1.0"):
        expect(confidence).to_contain_text(limits)
    with simulated.client() as client:
        client.answer(QUESTIONS[0])
    page.clock.fast_forward(31_000)
    expect(cards.nth(0)).to_contain_text(re.compile(f"^{totals.responses + 1}"))


def test_recent_insights_have_their_columns_and_lead_to_them(simulated: Site, window: Open) -> None:
    publish(simulated, "Crowd at the dock")
    page = window(f"{simulated.url}/dashboard")
    table = page.get_by_role("region", name="Recent proactive insights").get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["Time", "Type", "Severity", "Title", "Cameras", "Confidence"]
    )
    row = table.get_by_role("row").filter(has_text="Crowd at the dock").first
    expect(row.get_by_role("cell").nth(4)).to_have_text(re.compile("Loading Dock"))
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/insights/"))


# ---- history ------------------------------------------------------------------------------------


def test_a_word_finds_its_conversation_with_evidence_and_citations(
    simulated: Site, window: Open
) -> None:
    showing.conversations(simulated)
    page = window(f"{simulated.url}/history")
    page.get_by_label("Search what was said").fill("vehicles week")
    hit = page.locator(".split-list li").filter(has_text=QUESTIONS[1]).first
    expect(hit.locator("mark").first).to_have_text(re.compile("vehicles|week"))
    hit.get_by_role("link").click()
    turns = page.locator(".past-turn")
    expect(turns).to_have_count(3)
    expect(turns.first.get_by_role("heading", name=QUESTIONS[0])).to_be_visible()
    last = turns.last
    expect(last.get_by_role("region", name="Evidence")).to_be_visible()
    last.locator(".cited").first.hover()
    expect(last.locator(".evidence li[data-lit=true]")).to_have_count(1)
    page.get_by_label("Search what was said").fill("zeppelin")
    expect(page.get_by_text("Nothing found")).to_be_visible()


def test_an_export_that_is_cut_goes_on_and_is_one_file_of_all_conversations(
    simulated: Site, window: Open, tmp_path: Path
) -> None:
    showing.conversations(simulated)
    page = window(f"{simulated.url}/history", allow_failures=True)
    cut: list[str] = []

    def once(route: Route) -> None:
        cut.append(route.request.url)
        if len(cut) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile("/ExportConversations$"), once)
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    with page.expect_download() as downloading:
        dialog.get_by_role("button", name="Export").click()
    expect(dialog).to_contain_text("The file is yours")
    file = tmp_path / "export.jsonl"
    downloading.value.save_as(file)
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    with simulated.client() as client:
        known = {one.conversation_id for one in client.list_conversations()}
    assert len(cut) == 2
    assert {one["conversation"]["conversationId"] for one in exported} == known
    assert len(exported) == len(known)
    seen = next(one for one in exported if one["conversation"]["conversationId"] == CONVERSATION)
    assert len(seen["responses"]) == 3
    assert re.fullmatch(
        r"conversations-\d{4}-\d\d-\d\d\.jsonl", downloading.value.suggested_filename
    )


def test_deleting_asks_first_and_then_it_is_gone(simulated: Site, window: Open) -> None:
    with simulated.client() as client:
        client.answer("how many bicycles were there today?", conversation_id="to.delete")
    page = window(f"{simulated.url}/history/to~delete")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete this conversation?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".past-turn")).to_have_count(1)
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Deleted, with 1 question.")).to_be_visible()
    expect(page).to_have_url(re.compile("/history$"))
    expect(page.locator(".split-list").get_by_text("how many bicycles")).to_have_count(0)
    with simulated.client() as client:
        assert "to.delete" not in {one.conversation_id for one in client.list_conversations()}


def test_a_conversation_becomes_a_template_with_its_answers(simulated: Site, window: Open) -> None:
    showing.conversations(simulated)
    page = window(f"{simulated.url}/history/web~seen")
    page.get_by_role("button", name="Make a template").click()
    dialog = page.get_by_role("dialog", name="Make a template")
    dialog.get_by_label("Title").fill("Rounds with answers")
    dialog.get_by_label("Keep the answers in it, as examples").check()
    dialog.get_by_role("button", name="Create template").click()
    expect(page.get_by_role("heading", name="Rounds with answers")).to_be_visible()
    with simulated.client() as client:
        made = next(one for one in client.list_templates() if one.title == "Rounds with answers")
    assert made.source_conversation_id == CONVERSATION
    assert "\n>" in made.body


# ---- templates ----------------------------------------------------------------------------------


def test_a_template_is_written_filled_in_and_asked(simulated: Site, window: Open) -> None:
    page = window(f"{simulated.url}/templates")
    page.get_by_role("link", name="New").click()
    form = page.get_by_role("form", name="A new template")
    form.get_by_label("Title").fill("People of a day")
    form.get_by_label("Category").fill("security")
    form.get_by_label("Prompt").fill("How many people were at {{camera}} {{when}}?")
    form.get_by_label("Type of camera").select_option("Camera")
    form.get_by_label("Type of when").select_option("Choice")
    form.get_by_label("Choices of when, one a line").fill("today\nyesterday")
    form.get_by_role("button", name="Create template").click()
    detail = page.get_by_role("region", name="The chosen template")
    expect(detail.get_by_role("heading", name="People of a day")).to_be_visible()
    expect(detail.get_by_text("Still needed: Camera, When")).to_be_visible()
    expect(detail.get_by_role("button", name="Ask this")).to_be_disabled()
    detail.get_by_label("Camera").select_option(DOCK)
    detail.get_by_label("When").select_option("yesterday")
    expect(page.get_by_test_id("preview")).to_have_text(
        f"How many people were at {DOCK} yesterday?"
    )
    detail.get_by_role("button", name="Ask this").click()
    expect(page.locator(".turn")).to_have_attribute("data-status", "completed")
    expect(page.get_by_test_id("answer")).to_contain_text("Loading Dock")


def test_templates_are_found_by_word_and_category(simulated: Site, window: Open) -> None:
    showing.template(simulated)
    page = window(f"{simulated.url}/templates")
    found = page.locator(".split-list li")
    expect(found.filter(has_text=showing.CHECK)).to_have_count(1)
    page.get_by_label("Category").select_option("rounds")
    expect(found.filter(has_text=showing.CHECK)).to_have_count(1)
    page.get_by_label("Search templates").fill("zeppelin")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_label("Search templates").fill("camera")
    expect(found.filter(has_text=showing.CHECK)).to_have_count(1)


def test_a_value_of_another_type_is_told_at_its_field(simulated: Site, window: Open) -> None:
    made = showing.template(simulated)
    page = window(f"{simulated.url}/templates/{made.template_id}", allow_failures=True)
    page.get_by_label("Camera").select_option(DOCK)
    page.get_by_label("Since").fill("2026-11-20T07:30")
    expect(page.get_by_test_id("preview")).to_contain_text("2026-11-20T07:30:00+00:00")
    page.get_by_label("Most").fill("1.5")
    expect(page.get_by_label("Most")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Ask this")).to_be_disabled()
    page.get_by_label("Most").fill("3")
    expect(page.get_by_test_id("preview")).to_contain_text("at most 3 events, briefly")


def test_a_change_by_somebody_else_is_told_and_not_overwritten_unasked(
    simulated: Site, window: Open
) -> None:
    made = showing.template(simulated, "Changed by two")
    page = window(f"{simulated.url}/templates/{made.template_id}", allow_failures=True)
    page.get_by_role("button", name="Edit").click()
    form = page.get_by_role("form", name="Edit the template")
    form.get_by_label("What it is for").fill("mine")
    with simulated.client() as client:
        made.description = "theirs"
        client.update_template(made, fields=["description"])
        form.get_by_role("button", name="Save", exact=True).click()
        conflict = form.get_by_role("alert").filter(has_text="Somebody changed this template")
        expect(conflict).to_contain_text("differs from yours in: description")
        assert client.get_template(made.template_id).description == "theirs"
        conflict.get_by_role("button", name="Save mine over it").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        assert client.get_template(made.template_id).description == "mine"
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page).to_have_url(re.compile("/templates$"))
    with simulated.client() as client:
        assert "Changed by two" not in [one.title for one in client.list_templates()]


def test_an_empty_site_says_what_will_stand_there(paced: Site, window: Open) -> None:
    page = window(f"{paced.url}/timeline")
    expect(page.get_by_text(re.compile("No (cameras|events) yet"))).to_be_visible()
    page.goto(f"{paced.url}/templates")
    expect(page.get_by_text("No templates yet")).to_be_visible()
    page.goto(f"{paced.url}/history")
    expect(page.get_by_text("No conversations yet")).to_be_visible()
    page.goto(f"{paced.url}/dashboard")
    expect(page.get_by_text("No responses in this period.")).to_have_count(3)
    expect(page.get_by_text("No insights yet")).to_be_visible()
    with paced.client() as client:
        client.ingest_events([_event()])
    page.goto(f"{paced.url}/timeline")
    expect(page.get_by_text("1 event · all cameras")).to_be_visible()


def _event() -> Event:
    event = Event(event_id="first", site="yard", camera_id="Y1", event_type="person_enters")
    event.start_time.FromDatetime(NOW)
    return event
