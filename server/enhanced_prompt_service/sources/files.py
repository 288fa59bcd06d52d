"""Importing a file: in batches, from where an earlier run stopped, bad rows rejected one by one.

Reading and parsing run in a thread, so that the loop stays free; sending is awaited batch by
batch, and the checkpoint moves only once a batch is stored. So a run that is killed at any moment
leaves nothing out, and what it had sent but not noted becomes duplicates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from ..domain.events import Coverage, Event
from .checkpoints import Checkpoint, Checkpoints
from .parsers import Item, Parser
from .progress import OnProgress, Progress, silent
from .rebase import Shift, Zones, latest_by_zone, shift_to_present
from .rows import BadRow
from .sink import Sink
from .tables import BadFile, Entry, identity, open_table

__all__ = ["BadFile", "Run", "checkpoint_of", "import_file", "note", "plan_rebase", "send"]


@dataclass(frozen=True, slots=True)
class Run:
    """How an import runs.

    `checkpoints` is where it notes how far it came (None: it always begins at the beginning);
    `target` names the receiver (an address, a database), since the notes hold for that one only.
    `restart` begins again all the same. `shift` moves all times (`plan_rebase`); a run that goes
    on keeps the shift that it began with.
    """

    batch_size: int = 500
    checkpoints: Checkpoints | None = None
    target: str = ""
    restart: bool = False
    shift: Shift | None = None
    on_progress: OnProgress = silent

    def key(self, kind: str, path: Path) -> str:
        """The key of the checkpoint of what is at a path."""
        return "\n".join((kind, str(path.absolute()), self.target, str(self.shift is not None)))


async def import_file(path: Path, sink: Sink, parser: Parser, run: Run | None = None) -> Progress:
    """Send what is in a file; returns the final counts.

    JSON lines, a JSON array or CSV, each also as gz. Raises BadFile when it cannot be read (on),
    and whatever the sink raises; the checkpoint then stands at the last stored batch.
    """
    run = run or Run()
    key = await asyncio.to_thread(run.key, parser.fingerprint, path)
    begin = await asyncio.to_thread(checkpoint_of, path, run, key)
    shift = _kept_shift(run.shift, begin)
    progress = Progress(str(path), resumed_at=begin.line if begin.position else 0)
    try:
        progress.bytes_total = (await asyncio.to_thread(path.stat)).st_size
        with open_table(path, begin) as table:
            while entries := await asyncio.to_thread(table.take, run.batch_size):
                await send(entries, sink, parser, shift, progress)
                progress.bytes_read = min(table.bytes_read, progress.bytes_total)
                await asyncio.to_thread(note, path, run, key, entries[-1], shift)
                run.on_progress(progress)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error}") from error
    progress.bytes_read = progress.bytes_total
    run.on_progress(progress)
    return progress


async def send(
    entries: Sequence[Entry], sink: Sink, parser: Parser, shift: Shift | None, progress: Progress
) -> None:
    """Parse and send rows as one batch, and count what became of each."""
    items, lines = await asyncio.to_thread(_parse_all, entries, parser, shift, progress)
    if not items:
        return
    if parser.kind == "events":
        receipt = await sink.ingest_events(cast(list[Event], items))
    else:
        receipt = await sink.ingest_coverage(cast(list[Coverage], items))
    progress.count(lines, receipt)


def checkpoint_of(path: Path, run: Run, key: str) -> Checkpoint:
    """Where to begin: where an earlier run stopped, if the file still is what it read."""
    if run.checkpoints is None or run.restart:
        return Checkpoint()
    found = run.checkpoints.get(key)
    if found is None or found.identity != identity(path, found.position):
        return Checkpoint()
    return found


def note(path: Path, run: Run, key: str, last: Entry, shift: Shift | None = None) -> None:
    """Keep that everything up to an entry is stored."""
    if run.checkpoints is not None:
        days = None if shift is None else shift.days
        known = identity(path, last.position)
        run.checkpoints.put(key, Checkpoint(last.position, last.next_line, known, days))


def plan_rebase(sources: Sequence[tuple[Path, Parser]], now: datetime) -> Shift:
    """The one shift for all of these files that brings their last moment just before `now`.

    Reads them once, and passes over what is broken. Raises BadFile.
    """
    by_site = {site: zone for _, one in sources for site, zone in one.zones.by_site.items()}
    zones = Zones(by_site, sources[0][1].zones.other) if sources else Zones()
    items = (item for path, parser in sources for item in _items(path, parser))
    return shift_to_present(latest_by_zone(items, zones), zones, now)


def _items(path: Path, parser: Parser) -> Iterator[Item]:
    with open_table(path) as table:
        while entries := table.take(1_000):
            for entry in entries:
                try:
                    item = None if entry.row is None else parser.parse(entry.row)
                except BadRow:
                    continue
                if item is not None:
                    yield item


def _parse_all(
    entries: Sequence[Entry], parser: Parser, shift: Shift | None, progress: Progress
) -> tuple[list[Item], list[int]]:
    items: list[Item] = []
    lines: list[int] = []
    for entry in entries:
        progress.rows += 1
        try:
            item = _parse(entry, parser, shift)
        except BadRow as error:
            progress.reject(entry.line, error.field, error.reason)
            continue
        if item is None:
            progress.dropped += 1
        else:
            items.append(item)
            lines.append(entry.line)
    return items, lines


def _parse(entry: Entry, parser: Parser, shift: Shift | None) -> Item | None:
    if entry.problem is not None:
        raise entry.problem
    assert entry.row is not None
    item = parser.parse(entry.row)
    if item is None or shift is None:
        return item
    try:
        return shift.event(item) if isinstance(item, Event) else shift.coverage(item)
    except (OverflowError, ValueError) as error:
        raise BadRow("start_time", "lies outside of years 1 to 9999 after the rebase") from error


def _kept_shift(shift: Shift | None, begin: Checkpoint) -> Shift | None:
    if shift is None or begin.shift_days is None:
        return shift
    return replace(shift, days=begin.shift_days)
