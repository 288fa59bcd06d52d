"""Clips of events that no camera saw: drawn for the simulated site alone, and harmless."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import fromstring

import grpc
import pytest

from enhanced_prompt.v1.event_service_pb2 import GetEventClipRequest
from enhanced_prompt_service.domain.catalogue import Site
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.rpc.services._clip import draw_clip
from enhanced_prompt_service.sources.simulate import SimulatedSite

from . import kit
from .stack import Stack, running

SITE = SimulatedSite().site()
EVENT = Event(
    event_id="sim1-cam-03-1",
    start_time=datetime(2026, 7, 1, 12, 30, 5, tzinfo=UTC),
    site=SITE.site_id,
    camera_id="cam-03",
    event_type="person_detected",
    zones=("dock-bay",),
    label="person",
    confidence=0.83,
    participants=3,
    description="Three people at the loading dock",
)
SVG = "{http://www.w3.org/2000/svg}"
HARMLESS = {"svg", "title", "style", "text", "rect", "polygon", "circle", "path", "g"}


def texts(picture: bytes) -> list[str]:
    return [one.text or "" for one in fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 - drawn by us


def test_a_clip_says_where_when_what_and_that_it_is_a_simulation() -> None:
    said = " | ".join(texts(draw_clip(EVENT, SITE)))
    for part in (
        "cam-03 Loading Dock · Dock Bay",
        "2026-07-01 13:30:05",  # the site's local time
        "person × 3",
        "83% sure",
        "Three people at the loading dock",
        "SIMULATION",
    ):
        assert part in said
    assert draw_clip(EVENT, SITE) == draw_clip(EVENT, SITE)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "\"><image href='https://else.example/x.svg'/>",
        "]]><foreignObject/>",
        "&lt;!ENTITY x SYSTEM 'file:///etc/passwd'>",
        "line\nfeed \x07 bell \x1b[31m \u202e reversed \ufffe \U0001f600",
        "x" * 4000,
    ],
)
def test_whatever_a_text_holds_stays_text(text: str) -> None:
    strange = replace(
        EVENT,
        label=text[:128],
        sub_label=text[:256],
        camera_id=text[:128],
        zones=(text[:128],),
        description=text,
        event_type=text[:128],
    )
    root = fromstring(draw_clip(strange, SITE))  # noqa: S314 - drawn by us
    for one in root.iter():
        assert one.tag.removeprefix(SVG) in HARMLESS
        assert not [name for name in one.attrib if name.startswith("on") or "href" in name]
        assert "url(" not in "".join(one.attrib.values())
    assert all(len(one) <= 70 + len(" × 3") for one in texts(draw_clip(strange, SITE)))


def test_every_kind_of_event_of_the_simulated_site_can_be_drawn() -> None:
    begin = datetime(2026, 7, 1, tzinfo=UTC)
    events = SimulatedSite().events(Interval(begin, begin + timedelta(days=2)))
    labels: set[str] = set()
    for one in events:
        labels.add(one.label)
        assert "SIMULATION" in texts(draw_clip(one, SITE))
    assert len(labels) > 5


# ---- the RPC ------------------------------------------------------------------------------------


async def stored(stack: Stack, event: Event, site: Site) -> None:
    await stack.stores.catalogue.put_site(Caller(), site)
    await stack.stores.events.ingest(Caller(), [event])


async def clip(stack: Stack, event_id: str) -> bytes:
    found = await stack.events.GetEventClip(GetEventClipRequest(event_id=event_id))
    assert found.clip.content_type == "image/svg+xml"
    return found.clip.data


async def test_an_event_of_a_simulated_site_is_drawn_as_it_is_stored(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await stored(stack, EVENT, SITE)
        assert await clip(stack, EVENT.event_id) == draw_clip(EVENT, SITE)


async def test_events_of_real_sites_and_none_at_all_are_not_found_alike(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await stored(stack, EVENT, replace(SITE, simulated=False))
        for event_id in (EVENT.event_id, "none"):
            error = await kit.refused(clip(stack, event_id))
            assert (error.code(), kit.reason(error)) == (
                grpc.StatusCode.NOT_FOUND,
                "EVENT_NOT_FOUND",
            )
            assert error.details() == f"event {event_id!r} was not found"
