"""Importing files: the good rows are kept, the bad ones named, and a kill loses nothing."""

# ruff: noqa: ASYNC240 - a test may look at its few bytes on the loop

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.sources.checkpoints import Checkpoint, Checkpoints
from enhanced_prompt_service.sources.files import BadFile, Run, import_file, plan_rebase
from enhanced_prompt_service.sources.parsers import Parser, coverage_parser, event_parser
from enhanced_prompt_service.sources.progress import Progress
from enhanced_prompt_service.sources.rows import RowOptions
from enhanced_prompt_service.sources.sink import Receipt, Refused

from .helpers import MemorySink

OPTIONS = RowOptions(time_zone="America/New_York", defaults={"site": "home"})


def row(number: int, **more: object) -> dict[str, object]:
    minute, second = divmod(number, 60)
    return {
        "event_id": f"e{number}",
        "start_time": f"2026-03-01T12:{minute:02d}:{second:02d}",
        "camera_id": "c",
        "event_type": "t",
        **more,
    }


def write(path: Path, rows: list[object]) -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "events.jsonl", [row(number) for number in range(95)])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(batch_size=10, checkpoints=Checkpoints(tmp_path / "home" / "imports"))


async def test_good_rows_are_kept_and_bad_ones_named_by_line_and_field(tmp_path: Path) -> None:
    path = write(
        tmp_path / "events.jsonl",
        [row(0), "{oops", row(1, confidence=7), "", row(2), {"event_id": "x"}, "[1]"],
    )
    sink = MemorySink()
    progress = await import_file(path, sink, event_parser(OPTIONS))
    assert sorted(sink.events) == ["e0", "e2"]
    assert [(one.line, one.field) for one in progress.rejections] == [
        (2, ""),
        (3, "confidence"),
        (6, "start_time"),
        (7, ""),
    ]
    assert (progress.rows, progress.created, progress.rejected) == (6, 2, 4)
    assert str(progress.rejections[1]) == f"{path}:3: confidence: must be between 0 and 1"


async def test_what_the_receiver_refuses_is_named_by_its_line(tmp_path: Path) -> None:
    class Picky(MemorySink):
        async def ingest_events(self, batch: object, /) -> Receipt:
            return Receipt(created=1, refused=(Refused(1, "site", "is closed"),))

    path = write(tmp_path / "events.jsonl", ["{oops", row(0), row(1)])
    progress = await import_file(path, Picky(), event_parser(OPTIONS))
    assert [(one.line, one.reason) for one in progress.rejections][1:] == [(3, "is closed")]


async def test_progress_is_shown_after_each_batch_and_reaches_the_end(path: Path) -> None:
    shown: list[tuple[int, int]] = []

    def show(progress: Progress) -> None:
        shown.append((progress.rows, progress.bytes_read))

    progress = await import_file(
        path, MemorySink(), event_parser(OPTIONS), Run(batch_size=40, on_progress=show)
    )
    assert [rows for rows, _ in shown] == [40, 80, 95, 95]
    assert shown[-1][1] == progress.bytes_total == path.stat().st_size


async def test_a_second_import_sends_nothing(path: Path, run: Run) -> None:
    sink = MemorySink()
    await import_file(path, sink, event_parser(OPTIONS), run)
    again = await import_file(path, sink, event_parser(OPTIONS), run)
    assert (again.rows, again.resumed_at) == (0, 96)
    assert len(sink.batches) == 10


async def test_without_checkpoints_a_second_import_is_all_duplicates(path: Path) -> None:
    sink = MemorySink()
    await import_file(path, sink, event_parser(OPTIONS))
    again = await import_file(path, sink, event_parser(OPTIONS))
    assert (again.created, again.updated, again.duplicates) == (0, 0, 95)


@pytest.mark.parametrize("packed", [False, True])
async def test_after_a_kill_it_goes_on_behind_the_last_stored_batch(
    path: Path, run: Run, packed: bool
) -> None:
    if packed:
        packed_path = path.with_suffix(".jsonl.gz")
        packed_path.write_bytes(gzip.compress(path.read_bytes()))
        path = packed_path
    sink = MemorySink()
    sink.fail = lambda batch: Unavailable("gone") if batch == 4 else None
    with pytest.raises(Unavailable):
        await import_file(path, sink, event_parser(OPTIONS), run)
    assert len(sink.events) == 40
    sink.fail = lambda batch: None
    rest = await import_file(path, sink, event_parser(OPTIONS), run)
    assert (rest.resumed_at, rest.rows, rest.created, rest.duplicates) == (41, 55, 55, 0)
    assert len(sink.events) == 95


async def test_a_kill_between_storing_and_noting_makes_duplicates_only(
    path: Path, run: Run
) -> None:
    class Killed(MemorySink):
        async def ingest_events(self, batch: object, /) -> Receipt:
            await super().ingest_events(batch)  # type: ignore[arg-type]
            if len(self.batches) == 3:
                raise asyncio.CancelledError
            return Receipt(created=10)

    sink = Killed()
    with pytest.raises(asyncio.CancelledError):
        await import_file(path, sink, event_parser(OPTIONS), run)
    after = MemorySink()
    after.events = sink.events
    rest = await import_file(path, after, event_parser(OPTIONS), run)
    assert (rest.duplicates, rest.created) == (10, 65)
    assert len(after.events) == 95


async def test_what_was_added_since_is_all_that_is_sent(path: Path, run: Run) -> None:
    sink = MemorySink()
    await import_file(path, sink, event_parser(OPTIONS), run)
    with path.open("a") as file:
        file.write(json.dumps(row(500)) + "\n" + json.dumps(row(501)))
    added = await import_file(path, sink, event_parser(OPTIONS), run)
    assert (added.rows, added.resumed_at) == (2, 96)


async def test_an_unfinished_last_line_is_read_again_once_it_is_whole(path: Path, run: Run) -> None:
    whole = path.read_text()
    path.write_text(whole + '{"event_id": "late"')
    first = await import_file(path, MemorySink(), event_parser(OPTIONS), run)
    assert first.rejections[0].line == 96
    path.write_text(whole + json.dumps(row(500)) + "\n")
    sink = MemorySink()
    await import_file(path, sink, event_parser(OPTIONS), run)
    assert list(sink.events) == ["e500"]


@pytest.mark.parametrize(
    "change", ["other content", "shorter", "other mapping", "restart", "other target"]
)
async def test_it_begins_again_where_the_position_means_nothing(
    path: Path, run: Run, change: str
) -> None:
    await import_file(path, MemorySink(), event_parser(OPTIONS), run)
    parser = event_parser(OPTIONS)
    if change == "other content":
        write(path, [row(number + 200) for number in range(200)])
    elif change == "shorter":
        write(path, [row(number) for number in range(90)])
    elif change == "other mapping":
        parser = event_parser(RowOptions(mapping={"label": "x"}, defaults={"site": "home"},
                                         time_zone="UTC"))  # fmt: skip
    elif change == "restart":
        run = Run(run.batch_size, run.checkpoints, restart=True)
    else:
        run = Run(run.batch_size, run.checkpoints, target="elsewhere")
    again = await import_file(path, MemorySink(), parser, run)
    assert again.resumed_at == 0
    assert again.rows >= 90


def test_a_spoilt_checkpoint_is_as_good_as_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for bad in ("", "[]", "{}", '{"key": "k", "position": -1}', '{"key": "k", "line": "x"}'):
        checkpoints.put("k", Checkpoint(5, 2, "id"))
        (file,) = tmp_path.iterdir()
        file.write_text(bad)
        assert checkpoints.get("k") is None
    checkpoints.forget("k")
    assert checkpoints.get("k") is None
    checkpoints.forget("k")


async def test_coverage_is_imported_likewise(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(
        "clip,site,camera_id,start_time,end_time,events\n"
        "a,home,c,2026-03-01T12:00:00,2026-03-01T12:05:00,0\n"
        "b,home,c,2026-03-01T12:05:00,2026-03-01T12:05:00,0\n"
    )
    sink = MemorySink()
    progress = await import_file(path, sink, coverage_parser(OPTIONS))
    assert (progress.created, progress.rejected) == (1, 1)
    assert sink.coverage[0].start_time == datetime(2026, 3, 1, 17, tzinfo=UTC)


async def test_rows_that_say_they_are_no_event_are_dropped_not_rejected(tmp_path: Path) -> None:
    def parse(found: object) -> Event | None:
        return None

    path = write(tmp_path / "x.jsonl", [row(0), row(1)])
    parser = event_parser(OPTIONS)
    progress = await import_file(path, MemorySink(), Parser("events", parse, parser.zones, "none"))
    assert (progress.dropped, progress.rejected, progress.taken) == (2, 0, 0)


async def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.jsonl cannot be read"):
        await import_file(tmp_path / "none.jsonl", MemorySink(), event_parser())


# ---- rebase -------------------------------------------------------------------------------------


async def test_a_rebased_import_ends_just_before_now_and_says_so(path: Path) -> None:
    now = datetime(2026, 7, 4, 16, 0, tzinfo=UTC)  # noon in New York: the file's hour is past
    parser = event_parser(OPTIONS)
    shift = await asyncio.to_thread(plan_rebase, [(path, parser)], now)
    sink = MemorySink()
    await import_file(path, sink, parser, Run(shift=shift))
    assert sink.events["e0"].start_time == datetime(2026, 7, 3, 16, 0, tzinfo=UTC)
    assert sink.events["e94"].attributes == {"rebased_days": "124"}


async def test_a_run_that_goes_on_keeps_the_shift_it_began_with(path: Path, run: Run) -> None:
    parser = event_parser(OPTIONS)
    sink = MemorySink()
    sink.fail = lambda batch: Unavailable("gone") if batch == 4 else None
    monday = plan_rebase([(path, parser)], datetime(2026, 7, 6, 18, tzinfo=UTC))
    with pytest.raises(Unavailable):
        await import_file(path, sink, parser, Run(10, run.checkpoints, shift=monday))
    sink.fail = lambda batch: None
    friday = plan_rebase([(path, parser)], datetime(2026, 7, 10, 18, tzinfo=UTC))
    assert friday.days == monday.days + 4
    await import_file(path, sink, parser, Run(10, run.checkpoints, shift=friday))
    assert {one.attributes["rebased_days"] for one in sink.events.values()} == {str(monday.days)}
