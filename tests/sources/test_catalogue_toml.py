"""A site's catalogue in TOML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.domain.catalogue import Camera, DayParts, Site, Zone
from enhanced_prompt_service.domain.errors import InvalidArgument
from enhanced_prompt_service.domain.times import DailyRange, RecurringMask
from enhanced_prompt_service.sources.catalogue_toml import load_sites, parse_sites

WHOLE = """
id = "office"
name = "Office"
time_zone = "Europe/Rome"
aliases = ["HQ"]
clip_url_template = "https://nvr/{camera_id}/{start}.mp4"
business_hours = { hours = ["08:00-12:00", "13:00-17:30"], days = ["mon-fri"] }
synonyms = { lorry = ["truck"], people = ["person", "visitor"] }

[day_parts]
night = "23:00-05:00"

[[cameras]]
id = "cam-1"
name = "Gate"
aliases = ["front gate"]
zones = ["lane"]
location = "north"

[[cameras]]
id = "cam-2"

[[zones]]
id = "lane"
name = "Lane"
aliases = ["driveway"]

[[zones.restricted]]
hours = ["22:00-06:00"]

[[zones.restricted]]
days = ["sat-mon", "Wednesday"]
"""


def test_everything_a_site_may_say_is_read() -> None:
    assert parse_sites(WHOLE) == [
        Site(
            site_id="office",
            time_zone="Europe/Rome",
            name="Office",
            aliases=("HQ",),
            cameras=(Camera("cam-1", "Gate", ("front gate",), ("lane",), "north"), Camera("cam-2")),
            zones=(
                Zone(
                    "lane",
                    "Lane",
                    ("driveway",),
                    (
                        RecurringMask((DailyRange(22 * 60, 6 * 60),)),
                        RecurringMask(weekdays=frozenset({6, 7, 1, 3})),
                    ),
                ),
            ),
            day_parts=DayParts(night=DailyRange(23 * 60, 5 * 60)),
            business_hours=RecurringMask(
                (DailyRange(480, 720), DailyRange(780, 1050)), frozenset({1, 2, 3, 4, 5})
            ),
            synonyms=(("lorry", ("truck",)), ("people", ("person", "visitor"))),
            clip_url_template="https://nvr/{camera_id}/{start}.mp4",
        )
    ]


def test_a_site_needs_no_more_than_an_id_and_a_zone(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('id = "x"\ntime_zone = "UTC"\n')
    assert load_sites(path) == [Site("x", "UTC")]


def test_one_file_may_hold_several_sites() -> None:
    first = '[[sites]]\nid = "a"\ntime_zone = "UTC"\n[[sites.cameras]]\nid = "c"\n'
    text = first + '[[sites]]\nid = "b"\ntime_zone = "UTC"\n'
    assert [site.site_id for site in parse_sites(text)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('time_zone = "UTC"', "id"),
        ('id = "x"', "time_zone"),
        ('id = "x"\ntime_zone = "Mars/Base"', "time_zone"),
        ('id = "x"\ntime_zone = "../etc"', "time_zone"),
        ('id = "x"\ntime_zone = "UTC"\ncolour = 1', "colour"),
        ('id = "x"\ntime_zone = "UTC"\naliases = "y"', "aliases"),
        ('id = "x"\ntime_zone = "UTC"\ncameras = ["y"]', "cameras"),
        ('id = "x"\ntime_zone = "UTC"\n[[cameras]]\nname = "y"', "cameras[0].id"),
        ('id = "x"\ntime_zone = "UTC"\n[[cameras]]\nid = "y"\nfov = 3', "cameras[0].fov"),
        ('id = "x"\ntime_zone = "UTC"\n[[cameras]]\nid = "y"\nzones = ["z"]', "cameras[0].zones"),
        ('id = "x"\ntime_zone = "UTC"\n[[cameras]]\nid="y"\n[[cameras]]\nid="y"', "cameras"),
        (
            'id = "x"\ntime_zone = "UTC"\n[[zones]]\nid = "z"\n[[zones.restricted]]\n'
            'hours = ["22-6"]',
            "zones[0].restricted[0].hours",
        ),
        (
            'id = "x"\ntime_zone = "UTC"\n[[zones]]\nid = "z"\n[[zones.restricted]]\n',
            "zones[0].restricted[0].hours",
        ),
        ('id = "x"\ntime_zone = "UTC"\n[business_hours]\ndays = ["funday"]', "business_hours.days"),
        ('id = "x"\ntime_zone = "UTC"\n[day_parts]\nnight = "24:30-06:00"', "day_parts.night"),
        ('id = "x"\ntime_zone = "UTC"\n[day_parts]\nnight = "06:00-06:00"', "day_parts.night"),
        ('id = "x"\ntime_zone = "UTC"\nclip_url_template = "https://x/{who}"', "clip_url_template"),
        ('id = "x"\ntime_zone = "UTC"\nclip_url_template = "file:///x"', "clip_url_template"),
        ('id = "x"\ntime_zone = "UTC"\nclip_url_template = "https://x/{"', "clip_url_template"),
        ('id = "x"\ntime_zone = "UTC"\nsynonyms = ["a"]', "synonyms"),
        ('id = "x"\n[[sites]]\nid = "y"\ntime_zone = "UTC"', "id"),
        ("id = ", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_path(text: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_sites(text)
    assert [one.field for one in caught.value.violations] == [field]


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_sites('aliases = [1]\nname = 2\n[[cameras]]\nname = ""\n')
    assert {one.field for one in caught.value.violations} == {
        "aliases",
        "name",
        "cameras[0].id",
        "id",
        "time_zone",
    }


@given(st.text() | st.lists(st.sampled_from(WHOLE.splitlines())).map("\n".join))
def test_any_text_is_sites_or_says_what_is_wrong(text: str) -> None:
    try:
        sites = parse_sites(text)
    except InvalidArgument as error:
        sites = []
        violations = error.violations
    else:
        violations = ()
    assert bool(sites) != bool(violations)
