"""How far an import is: a bar on a terminal, nothing without one, and a line at the end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from ..sources import progress as counted
from . import terminal

_REJECTIONS_SHOWN = 10
Seen: TypeAlias = dict[str, counted.Progress]


class Meter:
    """Shows counts as they change, and keeps the newest of each file in `seen`."""

    def __init__(self, bar: Progress, seen: Seen) -> None:
        self._bar = bar
        self._tasks: dict[str, int] = {}
        self._seen = seen

    def __call__(self, now: counted.Progress) -> None:
        """A batch was stored."""
        self._seen[now.file] = now
        task = self._tasks.get(now.file)
        if task is None:
            name = terminal.clean(Path(now.file).name or now.file)
            task = self._tasks[now.file] = self._bar.add_task(name, total=None, counts="")
        self._bar.update(  # pyright: ignore[reportUnknownMemberType]
            task,  # pyright: ignore[reportArgumentType]
            total=now.bytes_total,
            completed=now.bytes_read,
            counts=counts(now),
        )


@contextmanager
def meter(seen: Seen | None = None) -> Generator[Meter]:
    """A meter on standard error for as long as the block runs."""
    console = terminal.err()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        yield Meter(bar, {} if seen is None else seen)


def counts(now: counted.Progress) -> str:
    """What became of the rows so far; what is none is left out."""
    parts = [f"{now.rows:,} {'row' if now.rows == 1 else 'rows'}"]
    for name in ("created", "updated", "duplicates", "rejected", "dropped"):
        number = getattr(now, name)
        if number:
            parts.append(f"{number:,} {name}")
    return " · ".join(parts)


def summary(now: counted.Progress) -> None:
    """The line at the end of an import, and why rows were rejected."""
    went_on = f" (went on at line {now.resumed_at:,})" if now.resumed_at else ""
    terminal.line(f"{Path(now.file).name or now.file}: {counts(now)}{went_on}")
    for rejection in now.rejections[:_REJECTIONS_SHOWN]:
        terminal.note(f"  {rejection}")
    left = now.rejected - min(len(now.rejections), _REJECTIONS_SHOWN)
    if left > 0:
        terminal.note(f"  and {left:,} more")
