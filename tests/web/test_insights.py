"""Insights arrive by themselves, and what one operator does about them others see."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from playwright.sync_api import Page, expect

from enhanced_prompt.v1 import common_pb2, insight_service_pb2, insights_pb2
from tests.web.conftest import NOW, Open, Site, refuse

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]


def stamp(hours: float) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(NOW + timedelta(hours=hours))
    return found


def publish(site: Site, title: str, **fields: Any) -> insights_pb2.Insight:
    """What a detector says: 42 events where 10 are usual."""
    usual = insights_pb2.ExpectedInterval(low=6, high=15, level=0.9)
    points = [
        insights_pb2.BaselinePoint(
            start_time=stamp(hour - 13),
            observed=42 if hour == 11 else 8 + hour % 4,
            expected=10,
            interval=usual,
        )
        for hour in range(12)
    ]
    request = insight_service_pb2.PublishInsightRequest(
        insight_type=insights_pb2.INSIGHT_TYPE_ACTIVITY_SPIKE,
        severity=insights_pb2.SEVERITY_HIGH,
        title=title,
        message="42 people were seen where 10 are usual at this hour.",
        window=common_pb2.TimeRange(start_time=stamp(-2), end_time=stamp(-1)),
        affected_cameras=["cam-03"],
        confidence_score=0.93,
        observed=42,
        expected=10,
        interval=usual,
        unit="events",
        dedupe_key=title,
        baseline=points,
        suggested_actions=["Look at the loading dock."],
    )
    for name, value in fields.items():
        if isinstance(value, list):
            request.ClearField(name)
            getattr(request, name).extend(value)
        else:
            setattr(request, name, value)
    with site.client() as client:
        return client.publish_insight(request).insight


def open_insights(window: Open, site: Site, **more: Any) -> Page:
    """The page, with its subscription open."""
    page = window(f"{site.url}/insights", **more)
    expect(page.locator(".insight-list [role=status]")).to_have_count(0)
    return page


def row(page: Page, title: str) -> Any:
    return page.locator(".insight-list li").filter(has_text=title)


def test_one_that_arrives_is_shown_and_acknowledging_it_is_seen_in_another_window(
    simulated: Site, window: Open
) -> None:
    one, other = open_insights(window, simulated), open_insights(window, simulated)
    publish(simulated, "Crowd at the dock")
    for page in (one, other):
        expect(row(page, "Crowd at the dock")).to_be_visible()
        row(page, "Crowd at the dock").get_by_role("link").click()
    detail = one.get_by_role("region", name="The chosen insight")
    expect(detail.get_by_role("heading", name="Crowd at the dock")).to_be_visible()
    detail.get_by_label("Note").fill("a delivery, all is well")
    detail.get_by_role("button", name="Acknowledge").click()
    expect(detail.get_by_text("Acknowledged")).to_be_visible()
    seen = other.get_by_role("region", name="The chosen insight")
    expect(seen.get_by_text("a delivery, all is well")).to_be_visible()
    expect(seen.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(row(other, "Crowd at the dock")).to_have_count(0)  # nobody has to look any more
    other.get_by_role("button", name="All", exact=True).click()
    expect(row(other, "Crowd at the dock")).to_contain_text("acknowledged")


def test_what_was_seen_stands_beside_what_was_expected(simulated: Site, window: Open) -> None:
    insight = publish(simulated, "Rush at the gate")
    page = window(f"{simulated.url}/insights/{insight.insight_id}")
    detail = page.get_by_role("region", name="The chosen insight")
    expect(detail.locator(".numbers")).to_contain_text(re.compile(r"Observed\s*42\s*events"))
    expect(detail.locator(".numbers")).to_contain_text("6 to 15")
    plot = detail.get_by_role("img", name="42 observed, 10 expected")
    expect(plot.locator(".recharts-bar-rectangle")).to_have_count(12)
    expect(plot.locator(".recharts-line-curve")).to_have_count(1)
    expect(detail.get_by_text("Look at the loading dock.")).to_be_visible()


def test_a_false_alarm_and_a_mute_reach_the_service(simulated: Site, window: Open) -> None:
    insight = publish(simulated, "Nothing at the yard")
    page = window(f"{simulated.url}/insights/{insight.insight_id}")
    detail = page.get_by_role("region", name="The chosen insight")
    detail.get_by_label("Mute for").select_option(label="1 hour")
    expect(detail.get_by_role("button", name=re.compile("Muted until"))).to_be_visible()
    detail.get_by_role("button", name="False alarm").click()
    expect(detail.get_by_text("A false alarm")).to_be_visible()
    with simulated.client() as client:
        stored = client.get_insight(insight.insight_id)
        assert stored.acknowledgement.verdict == insights_pb2.INSIGHT_VERDICT_FALSE_ALARM
        assert stored.HasField("muted_until")
    detail.get_by_role("button", name=re.compile("Muted until")).click()
    expect(detail.get_by_label("Mute for")).to_be_visible()


def test_an_urgent_one_is_told_on_other_pages_too(simulated: Site, window: Open) -> None:
    page = window(simulated.url)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    count = page.get_by_role("link", name="Insights").locator(".count")
    publish(simulated, "Somebody in the server room")
    told = page.get_by_role("link", name="Somebody in the server room")
    expect(told).to_be_visible()
    expect(count).to_have_attribute("data-urgent", "true")
    told.click()
    expect(page.get_by_role("heading", name="Somebody in the server room")).to_be_visible()


def test_where_streams_do_not_get_through_the_page_asks_again_and_again(
    simulated: Site, window: Open
) -> None:
    page = window(f"{simulated.url}/sign-in", allow_failures=True)
    page.route(re.compile("/SubscribeInsights$"), refuse)
    page.goto(f"{simulated.url}/insights")
    expect(page.get_by_text("asked for every 10 s")).to_be_visible()
    publish(simulated, "Seen by asking")
    expect(row(page, "Seen by asking")).to_be_visible()
