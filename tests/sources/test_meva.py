"""MEVA's published form, and the recorded sample."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.events import CoverageState
from enhanced_prompt_service.sources.checkpoints import Checkpoints
from enhanced_prompt_service.sources.files import BadFile, Run, import_file
from enhanced_prompt_service.sources.meva import Clip, read_activities, recorded_sites, spellings
from enhanced_prompt_service.sources.meva_files import (
    SAMPLE_EVENTS,
    import_meva,
    plan_meva_rebase,
    read_sample,
    sample_parsers,
    sample_sites,
)
from enhanced_prompt_service.sources.rows import BadRow
from tests.support.require import data

from .helpers import MemorySink

CLIP = "2018-03-05.13-10-00.13-15-00.bus.G340"
EMPTY = "2018-03-05.13-15-00.13-20-00.bus.G340"
NIGHT = "2018-03-05.23-58-00.00-03-00.school.G330"
TEXT = """
- { meta: made by hand for a test }
- act:
    act2: {person_opens_facility_door: 1.0}
    id2: 3
    timespan: [{tsr0: [0, 44]}]
    src_status: train
    actors: [{id1: 7, timespan: [{tsr0: [0, 44]}]}, {id1: 8}]
- act:
    act3: {Vehicle_Stops: 0.5}
    id2: 4
    timespan: [{tsr1: [30, 20000]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name, text in (
        ("bus/a", CLIP, TEXT),
        ("bus/a", EMPTY, "[]\n"),
        ("school", NIGHT, ""),
    ):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / f"{name}.activities.yml").write_text(text)
    return tmp_path


async def test_activities_become_events_and_clips_coverage(folder: Path) -> None:
    sink = MemorySink()
    progress = await import_meva(folder, sink)
    door, stop = sink.events.values()
    assert door.event_id == f"{CLIP}#3"
    assert door.start_time == datetime(2018, 3, 5, 18, 10, tzinfo=UTC)
    assert door.end_time == door.start_time + timedelta(milliseconds=1466)
    assert (door.site, door.camera_id, door.event_type) == (
        "bus", "G340", "person_opens_facility_door",
    )  # fmt: skip
    assert (door.confidence, door.participants, door.attributes) == (1.0, 2, {"clip": CLIP})
    assert (stop.event_type, stop.confidence, stop.participants) == ("vehicle_stops", 0.5, 1)
    # It ends after its clip does: that is kept.
    assert stop.end_time is not None
    assert stop.end_time > sink.coverage[0].end_time
    assert [(one.camera_id, one.state) for one in sink.coverage] == [
        ("G340", CoverageState.RECORDING),
        ("G340", CoverageState.RECORDING),
        ("G330", CoverageState.RECORDING),
    ]
    night = sink.coverage[2]
    assert night.end_time - night.start_time == timedelta(minutes=5)
    assert (progress.rows, progress.created, progress.rejected) == (2, 5, 0)
    assert progress.bytes_read == progress.bytes_total


async def test_nothing_is_invented_about_a_site(folder: Path) -> None:
    sink = MemorySink()
    await import_meva(folder, sink)
    bus, school = sink.sites
    assert (bus.site_id, bus.name, bus.time_zone) == (
        "bus", "Bus station", "America/Indiana/Indianapolis",
    )  # fmt: skip
    assert [camera.name for camera in school.cameras] == ["School camera G330"]
    for site in sink.sites:
        assert (site.zones, site.synonyms, site.clip_url_template) == ((), (), "")
        assert (site.simulated, site.business_hours) == (False, None)
    for event in sink.events.values():
        assert (event.zones, event.label, event.description, event.clip_url) == ((), "", "", "")


def test_spellings_are_made_by_rule() -> None:
    assert {"G330", "G-330", "camera 330", "cam G330", "camera G-330"} <= set(spellings("G330"))
    assert spellings("north") == ("north", "camera north", "cam north")
    site = recorded_sites([("annex_2", "x")])[0]
    assert site.name == "Annex 2"


@pytest.mark.parametrize(
    ("activity", "field"),
    [
        ("- act: 3", "act"),
        ("- act: {id2: x, act2: {a: 1}}", "act.id2"),
        ("- act: {id2: 1}", "act.act2"),
        ("- act: {id2: 1, act2: {a: 1, b: 1}}", "act.act2"),
        ("- act: {id2: 1, act2: {a: yes}}", "act.act2"),
        ("- act: {id2: 1, act2: {a: 1}}", "act.timespan"),
        ("- act: {id2: 1, act2: {a: 1}, timespan: [{tsr0: [9, 3]}]}", "act.timespan"),
        ("- act: {id2: 1, act2: {a: 1}, timespan: [{tsr0: [1, 3, 4]}]}", "act.timespan"),
        ("- act: {id2: 1, act2: {a: 2}, timespan: [{tsr0: [1, 3]}]}", "confidence"),
        ("- act: {id2: 1, act2: {a: 1}, timespan: [{tsr0: [1, 3]}], actors: 3}", "act.actors"),
    ],
)
def test_a_broken_activity_is_rejected_alone(activity: str, field: str) -> None:
    found = list(read_activities(f"{activity}\n{TEXT.split('}', 1)[1]}", Clip.of(CLIP)))
    assert isinstance(found[0], BadRow)
    assert found[0].field == field
    assert len(found) == 3


@pytest.mark.parametrize("text", ["{", "a: 1", "!!python/object/apply:os.getcwd []", "\x00"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(BadRow):
        list(read_activities(text, Clip.of(CLIP)))


@pytest.mark.parametrize("name", ["x", "2018-13-05.13-10-00.13-15-00.bus.G340", CLIP + ".x y"])
def test_another_name_is_no_clip(name: str) -> None:
    with pytest.raises(BadRow):
        Clip.of(name)


async def test_a_bad_file_is_named_and_the_others_imported(folder: Path) -> None:
    (folder / "notes.activities.yml").write_text("[]")
    (folder / f"{CLIP[:-1]}1.activities.yml").write_bytes(b"\xff")
    sink = MemorySink()
    progress = await import_meva(folder, sink)
    assert sorted(Path(one.file).name[:5] for one in progress.rejections) == ["2018-", "notes"]
    assert len(sink.events) == 2


async def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="holds no"):
        await import_meva(tmp_path, MemorySink())


async def test_it_goes_on_after_a_kill(tmp_path: Path) -> None:
    for number in range(45):
        name = CLIP.replace("G340", f"G{number:03d}")
        (tmp_path / f"{name}.activities.yml").write_text(TEXT)
    run = Run(checkpoints=Checkpoints(tmp_path / "imports"))
    sink = MemorySink()
    sink.fail = lambda batch: Unavailable("gone") if batch == 1 else None
    with pytest.raises(Unavailable):
        await import_meva(tmp_path, sink, run)
    assert len(sink.events) == 40
    sink.fail = lambda batch: None
    rest = await import_meva(tmp_path, sink, run)
    assert (rest.resumed_at, rest.rows) == (20, 50)
    assert len(sink.events) == 90
    assert (await import_meva(tmp_path, sink, run)).rows == 0


async def test_a_rebase_moves_clips_and_activities_alike(folder: Path) -> None:
    now = datetime(2026, 3, 5, 15, tzinfo=UTC)
    shift = plan_meva_rebase(folder, now)
    sink = MemorySink()
    await import_meva(folder, sink, Run(shift=shift))
    ends = [one.end_time for one in sink.coverage]
    assert max(ends) == datetime(2026, 3, 5, 5, 3, tzinfo=UTC)
    assert sink.events[f"{CLIP}#3"].start_time == datetime(2026, 3, 4, 18, 10, tzinfo=UTC)


# ---- the recorded sample ------------------------------------------------------------------------


@pytest.mark.data
def test_the_recorded_sample_is_read_whole() -> None:
    events, coverage = read_sample(data() / "meva")
    assert (len(events), len(coverage)) == (59_094, 1_946)
    assert len({one.event_id for one in events}) == 59_094
    assert Counter(one.site for one in events).keys() == {"school", "hospital", "bus", "admin"}
    assert len({one.camera_id for one in events}) == 24
    assert max(one.participants for one in events) > 2
    clip = Clip.of(events[0].attributes["clip"])
    assert clip.start <= events[0].start_time < clip.end


@pytest.mark.data
def test_the_samples_catalogue_is_of_site_and_number_only() -> None:
    sites = {site.site_id: site for site in sample_sites(data() / "meva")}
    assert {site.name for site in sites.values()} == {
        "School", "Hospital", "Bus station", "Administration building",
    }  # fmt: skip
    assert sum(len(site.cameras) for site in sites.values()) >= 24
    assert "School camera G330" in {camera.name for camera in sites["school"].cameras}


@pytest.mark.data
async def test_the_sample_imports_without_a_rejected_row() -> None:
    parser, _ = sample_parsers()
    sink = MemorySink()
    progress = await import_file(data() / "meva" / SAMPLE_EVENTS, sink, parser)
    assert (progress.created, progress.rejected) == (59_094, 0)
