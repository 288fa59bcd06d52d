"""`eps insights replay` and `eps insights detect`: the detectors over what is stored, or a file.

Both run in this process, and call no server.
"""

from __future__ import annotations

import asyncio
import csv
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from . import terminal
from .moments import parse_zone
from .session import SERVICE_ERROR, USAGE, need_server_parts
from .terminal import fail

if TYPE_CHECKING:
    from ..insights.replay import Replayed


def replay(
    database_url: Annotated[
        str | None,
        typer.Option(
            help="sqlite:///path or postgresql://…. Default: EPS_DATABASE_URL, or home's."
        ),
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="The site's present: ISO 8601 with an offset.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many, the newest; 0 for all.")
    ] = 50,
) -> None:
    """Run the detectors over the stored history: what they would have said, why they are silent.

    Nothing is published. A server may run on the same database.
    """
    try:
        from pydantic import ValidationError

        from ..app import replay_insights
        from ..config import Settings
        from ..domain.errors import ServiceError
    except ImportError as error:
        need_server_parts(error)
        raise
    given: dict[str, Any] = {"database_url": database_url, "clock": clock}
    started = time.monotonic()
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        replayed = asyncio.run(replay_insights(settings))
    except ValidationError as error:
        fail("; ".join(str(one["msg"]) for one in error.errors()), USAGE)
    except ServiceError as error:
        fail(str(error), SERVICE_ERROR)
    _show(replayed, time.monotonic() - started, limit)


def _show(replayed: Replayed, seconds: float, limit: int) -> None:
    told = replayed.insights[-limit:] if limit else replayed.insights
    if len(told) < len(replayed.insights):
        terminal.line(f"… {len(replayed.insights) - len(told):,} earlier ones")
    for one in told:
        start, end = one.window.start, one.window.end
        terminal.line(
            f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC  {one.severity.word:<8}  "
            f"{one.dedupe_key.split(':', 1)[0]:<15} {one.title}"
        )
    if told:
        terminal.line("")
    terminal.line("detector         speaks at  silent because")
    for one in replayed.silent:
        reasons = "; ".join(f"{reason} ({count} cameras)" for reason, count in one.reasons)
        if not one.cameras:
            reasons = "there are no cameras"
        speaks = f"{one.speaking} of {one.cameras}"
        terminal.line(f"{one.detector:<16} {speaks:<10} {reasons}".rstrip())
    terminal.line(
        f"\n{len(replayed.insights):,} insights from {replayed.events:,} events in "
        f"{replayed.slots:,} slots of cameras, in {seconds:.1f} s"
    )


def detect(
    file: Annotated[
        Path, typer.Argument(help="CSV with a header and the columns timestamp and value.")
    ],
    time_zone: Annotated[
        str, typer.Option(help="IANA zone of timestamps without an offset, and of the week.")
    ] = "UTC",
) -> None:
    """Score every row of a `timestamp,value` file by how unusual it is: CSV on standard output.

    A row is judged by those before it alone. The first day has no score: nothing is usual yet.
    """
    try:
        from ..insights.rows import score_rows
    except ImportError as error:
        need_server_parts(error)
        raise
    found = parse_zone(time_zone)
    zone = found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")
    try:
        rows = list(_rows(file, zone))
        if len(rows) < 2:
            raise ValueError("needs at least two rows")
    except OSError as error:
        fail(f"{file}: {error.strerror}", USAGE)
    except ValueError as error:
        fail(f"{file}: {error}", USAGE)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("timestamp", "value", "expected", "score"))
    for row, (text, value) in zip(
        score_rows([(moment, float(value)) for moment, _, value in rows], zone),
        ((text, value) for _, text, value in rows),
        strict=True,
    ):
        expected = "" if row.expected is None else f"{row.expected:.6g}"
        out.writerow((text, value, expected, f"{row.score:.4f}"))


def _rows(file: Path, zone: ZoneInfo) -> Iterator[tuple[datetime, str, str]]:
    """Moment, timestamp and value of each row. Raises ValueError naming the line."""
    from ..sources.instants import NotAMoment, read_instant

    with file.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        reader = csv.DictReader(lines)
        names = [(one or "").strip().lower() for one in reader.fieldnames or ()]
        if "timestamp" not in names or "value" not in names:
            raise ValueError("the header names no columns timestamp and value")
        reader.fieldnames = names
        for number, row in enumerate(reader, 2):
            text, value = (row["timestamp"] or "").strip(), (row["value"] or "").strip()
            try:
                moment = read_instant(text, zone).astimezone(UTC)
            except NotAMoment as error:
                raise ValueError(f"line {number}: timestamp {text!r} {error}") from None
            try:
                finite = abs(float(value)) < 1e300
            except ValueError:
                finite = False
            if not finite:
                raise ValueError(f"line {number}: value {value!r} is not a finite number")
            yield moment, text, value
