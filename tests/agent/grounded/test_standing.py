"""Standing questions become rules, or are refused with what is not understood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.agent.grounded import Index
from enhanced_prompt_service.agent.grounded.standing import condition, understand_rule
from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, Site
from enhanced_prompt_service.domain.events import SeenKind
from enhanced_prompt_service.domain.standing import NotUnderstood, Rule
from enhanced_prompt_service.domain.times import DailyRange, RecurringMask

NOW = datetime(2018, 3, 15, 15, tzinfo=UTC)
NIGHT = DailyRange(22 * 60, 6 * 60)
CAMERAS = (Camera("G330", "School camera G330"), Camera("G331", "Camera G331"))
SITE = Site("school", "America/New_York", "School", cameras=CAMERAS)
SEEN = [
    SeenKind("school", camera.camera_id, kind, "", "", (), 3, NOW - timedelta(days=2), NOW)
    for camera in CAMERAS
    for kind in ("person_enters_scene_through_structure", "vehicle_starts")
]
INDEX = Index(Catalogue((SITE,), "1"), SEEN, "UTC")
PERSON = frozenset({"person_enters_scene_through_structure"})


def rule(text: str, **options: str) -> Rule:
    return understand_rule(text, index=INDEX, now=NOW, **options)


@pytest.mark.parametrize(
    "text",
    [
        "tell me when anyone enters G330 between 22:00 and 06:00",
        "Let me know if someone enters G330 between 22:00 and 06:00.",
        "please alert me whenever a person enters G330 at night",
        "anyone enters G330 after 10pm or before 6am",
        "notify us every time anybody enters G330 every night",
    ],
)
def test_the_same_rule_in_other_words(text: str) -> None:
    found = rule(text)
    assert found.chosen.cameras == {"G330"}
    assert found.chosen.event_types == PERSON
    assert found.chosen.windows == ()
    assert found.chosen.mask is None
    assert found.chosen.as_of is None
    assert found.mask == RecurringMask((NIGHT,))
    assert found.zone == "America/New_York"
    assert found.interpretation.recurring == found.mask
    assert found.interpretation.time_range is None
    assert "22:00–06:00 each day (America/New_York)" in found.interpretation.rendered


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("tell me when anyone enters G330", None),
        ("tell me when anyone enters G330 every day", None),
        ("tell me when anyone enters G330 from now on", None),
        ("tell me when anyone enters G330, at any time", None),
        ("tell me when anyone enters G330 overnight", RecurringMask((NIGHT,))),
        (
            "tell me when anyone enters G330 on Monday and Friday at night",
            RecurringMask((NIGHT,), frozenset({1, 5})),
        ),
        (
            "tell me when anyone enters G330 from Friday to Monday",
            RecurringMask((), frozenset({1, 5, 6, 7})),
        ),
        ("tell me when anyone enters G330 on Sunday", RecurringMask((), frozenset({7}))),
        ("tell me if a vehicle starts on weekends", RecurringMask((), frozenset({6, 7}))),
        (
            "tell me when someone is at G330 on weekdays between 9pm and 5am",
            RecurringMask((DailyRange(21 * 60, 5 * 60),), frozenset({1, 2, 3, 4, 5})),
        ),
    ],
)
def test_times_that_repeat_are_a_mask(text: str, mask: RecurringMask | None) -> None:
    assert rule(text).mask == mask


def test_clock_times_are_meant_in_the_zone_that_was_asked_for() -> None:
    found = rule("tell me when anyone enters G330 at night", time_zone="Asia/Tokyo")
    assert found.zone == "Asia/Tokyo"
    assert found.mask == RecurringMask((NIGHT,))
    assert found.chosen.windows == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tell me when anyone enters G999", "There is no camera G999"),
        ("tell me when anyone enters G330 tonight", "“tonight” is one time"),
        ("tell me when anyone enters G330 on 3 May 2018", "is one time"),
        ("tell me when anyone enters G330 last Sunday", "is one time"),
        ("tell me when anyone enters G330 this morning", "is one time"),
        ("tell me when anyone enters G330 on weekdays at night and on weekends", "differ"),
        ("tell me when", "does not say what"),
        ("let me know when nobody is at G330", "not for what is missing"),
        ("tell me when a camera goes offline", "state of cameras"),
        ("how many people came to G330", "does not count"),
        ("tell me when 3 people are at G330", "does not count"),
        ("tell me when more than two people are at G330", "does not count"),
        ("tell me when someone stays at G330 for more than 5 minutes", "how long"),
        ("what is the weather", "not something the cameras can tell"),
        ("tell me when a purple giraffe enters G330", "giraffe"),
    ],
)
def test_what_is_not_understood_is_named(text: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        rule(text)
    assert said in caught.value.message


def test_a_camera_that_is_not_there_brings_questions_to_choose_from() -> None:
    with pytest.raises(NotUnderstood) as caught:
        rule("tell me when anyone is at G999")
    assert any("G330" in one for one in caught.value.choices)
    assert caught.value.metadata["choice_1"] == caught.value.choices[0]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Tell me when anyone enters?", "anyone enters"),
        ("could you let us know, whenever there is a car", "a car"),
        ("watch for cars", "cars"),
        ("anyone enters", "anyone enters"),
        ("when anyone enters", "anyone enters"),
        ("notify me about people", "people"),
    ],
)
def test_the_condition_is_what_is_left_without_the_wish_to_be_told(text: str, left: str) -> None:
    assert condition(text) == left
