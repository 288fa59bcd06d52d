"""Importing MEVA: its published folder, and the recorded sample that development is held to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from ..domain.catalogue import Site
from ..domain.events import Coverage, Event
from .checkpoints import Checkpoint
from .files import BadFile, Run
from .meva import (
    SOURCE,
    TIME_ZONE,
    annotation_files,
    clip_of,
    read_activities,
    recorded_sites,
)
from .parsers import Parser, coverage_parser, event_parser
from .progress import Progress
from .rebase import Shift, Zones, latest_by_zone, shift_to_present
from .rows import BadRow, RowOptions
from .sink import Sink
from .tables import open_table

SAMPLE_EVENTS = "events.jsonl.gz"
SAMPLE_CLIPS = "clips.csv.gz"
_CLIPS_AT_ONCE = 20

Item = TypeVar("Item")


@dataclass(slots=True)
class _Piece:
    """What some clips hold."""

    coverage: list[Coverage] = field(default_factory=list[Coverage])
    events: list[Event] = field(default_factory=list[Event])
    size: int = 0


async def import_meva(folder: Path, sink: Sink, run: Run | None = None) -> Progress:
    """Send sites, coverage and events of the published annotations below a folder.

    Goes on after the last clip stored, if the clips before it are still the same ones. `rows`
    counts activities. Raises BadFile when there are no annotations, and whatever the sink raises.
    """
    run = run or Run()
    paths = await asyncio.to_thread(annotation_files, folder)
    if not paths:
        raise BadFile(f"{folder} holds no *.activities.yml")
    progress = Progress(str(folder))
    await _put_sites(paths, sink)
    key = await asyncio.to_thread(run.key, "meva", folder)
    begin, shift = _begin(paths, run, key)
    progress.resumed_at = begin
    sizes = await asyncio.to_thread(lambda: [path.stat().st_size for path in paths])
    progress.bytes_total, progress.bytes_read = sum(sizes), sum(sizes[:begin])
    for first in range(begin, len(paths), _CLIPS_AT_ONCE):
        some = paths[first : first + _CLIPS_AT_ONCE]
        piece = await asyncio.to_thread(_read, some, shift, progress)
        for part in _parts(piece.coverage, run.batch_size):
            progress.count([0] * len(part), await sink.ingest_coverage(part))
        for part in _parts(piece.events, run.batch_size):
            progress.count([0] * len(part), await sink.ingest_events(part))
        progress.bytes_read += piece.size
        done = first + len(some)
        if run.checkpoints is not None:
            days = None if shift is None else shift.days
            note = Checkpoint(done, done + 1, _identity(paths[:done]), days)
            await asyncio.to_thread(run.checkpoints.put, key, note)
        run.on_progress(progress)
    return progress


def plan_meva_rebase(folder: Path, now: datetime) -> Shift:
    """The shift that brings the last clip or activity just before `now`."""
    zones = Zones(other=ZoneInfo(TIME_ZONE))
    piece = _read(annotation_files(folder), None, Progress())
    return shift_to_present(latest_by_zone([*piece.coverage, *piece.events], zones), zones, now)


def sample_parsers() -> tuple[Parser, Parser]:
    """How the sample's two files are read: events, then coverage."""
    options = RowOptions(time_zone=TIME_ZONE, source=SOURCE)
    return event_parser(options), coverage_parser(options)


def sample_sites(folder: Path) -> list[Site]:
    """The catalogue of the recorded sample: its sites and numbers, and nothing else."""
    return recorded_sites((span.site, span.camera_id) for span in read_sample(folder)[1])


def read_sample(folder: Path) -> tuple[list[Event], list[Coverage]]:
    """Events and coverage of the recorded sample (`events.jsonl.gz`, `clips.csv.gz`), as stored
    after an import. Raises BadFile, also for a row that is broken."""
    events, coverage = sample_parsers()
    found: tuple[list[Event], list[Coverage]] = ([], [])
    for name, parser in ((SAMPLE_EVENTS, events), (SAMPLE_CLIPS, coverage)):
        with open_table(folder / name) as table:
            while entries := table.take(5_000):
                for entry in entries:
                    if entry.problem is not None or entry.row is None:
                        raise BadFile(f"{folder / name}:{entry.line}: {entry.problem}")
                    item = parser.parse(entry.row)
                    if isinstance(item, Event):
                        found[0].append(item)
                    elif item is not None:
                        found[1].append(item)
    return found


async def _put_sites(paths: Sequence[Path], sink: Sink) -> None:
    cameras: set[tuple[str, str]] = set()
    for path in paths:
        try:
            clip = clip_of(path)
        except BadRow:
            continue  # said when its turn comes
        cameras.add((clip.site, clip.camera_id))
    for site in recorded_sites(cameras):
        await sink.put_site(site)


def _read(paths: Sequence[Path], shift: Shift | None, progress: Progress) -> _Piece:
    piece = _Piece()
    for path in paths:
        try:
            clip = clip_of(path)
            data = path.read_bytes()
            piece.size += len(data)
            found = list(read_activities(data.decode(), clip))
        except (BadRow, OSError, UnicodeDecodeError) as error:
            progress.reject(0, "", str(error), file=str(path))
            continue
        span = clip.coverage if shift is None else shift.coverage(clip.coverage)
        if span is not None:
            piece.coverage.append(span)
        for one in found:
            progress.rows += 1
            if isinstance(one, BadRow):
                progress.reject(0, one.field, one.reason, file=str(path))
            else:
                piece.events.append(one if shift is None else shift.event(one))
    return piece


def _begin(paths: Sequence[Path], run: Run, key: str) -> tuple[int, Shift | None]:
    found = None if run.checkpoints is None or run.restart else run.checkpoints.get(key)
    if found is None or found.identity != _identity(paths[: found.position]):
        return 0, run.shift
    if run.shift is not None and found.shift_days is not None:
        return found.position, Shift(found.shift_days, run.shift.zones)
    return found.position, run.shift


def _identity(paths: Sequence[Path]) -> str:
    names = "\n".join(path.name for path in paths)
    return f"{len(paths)}:{hashlib.blake2b(names.encode(), digest_size=12).hexdigest()}"


def _parts(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[first : first + size] for first in range(0, len(items), size)]
