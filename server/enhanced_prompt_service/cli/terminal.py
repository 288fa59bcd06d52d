"""What goes to the terminal. Without one: no colours, no control codes, lines that programs read.

Text of a service (descriptions, names, messages) is printed without control characters, so that
nobody who can name a camera can write to an operator's terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime, tzinfo
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 160
_CONTROL = {
    code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
} | dict.fromkeys((8206, 8207, *range(8234, 8239), *range(8294, 8298)))


def out() -> Console:
    """Standard output."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error: what is no result."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None
    if not stream.isatty():
        width = int(os.environ.get("COLUMNS", "0") or 0) or _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def fail(message: str, code: int) -> NoReturn:
    """Say why in one line, and end with an exit code."""
    error(message)
    raise typer.Exit(code)


def error(message: str) -> None:
    """Say in one line what went wrong."""
    line = Text("eps: ", style="bold red")
    line.append(" ".join(clean(message).split()), style="default")
    err().print(line, soft_wrap=True)


def clean(text: str) -> str:
    """Text without characters that a terminal would obey instead of showing."""
    return text.translate(_CONTROL)


def write(text: str) -> None:
    """Text as it comes, at once."""
    sys.stdout.write(clean(text))
    sys.stdout.flush()


def line(text: str, *, style: str = "") -> None:
    """A line of standard output, broken by the terminal alone."""
    out().print(Text(clean(text), style=style), soft_wrap=True)


def note(text: str) -> None:
    """A line beside the result, on standard error."""
    err().print(Text(clean(text), style="dim"), soft_wrap=True)


def json_line(message: Message) -> str:
    """proto3 JSON with the contract's own field names, on one line."""
    return MessageToJson(message, preserving_proto_field_name=True, indent=None)


def json_text(message: Message) -> str:
    """The same for reading, with fields that are zero or empty."""
    return MessageToJson(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        ensure_ascii=False,
    )


def raw(text: str) -> None:
    """A line for programs. JSON escapes control characters by itself."""
    sys.stdout.write(text + "\n")


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    found = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    for name in columns:
        found.add_column(
            name, justify="right" if name in right else "left", overflow="fold", no_wrap=False
        )
    return found


def row(found: Table, *cells: object) -> None:
    """Add a row; what is None stays empty."""
    found.add_row(*(Text("" if cell is None else clean(str(cell))) for cell in cells))


def show(found: Table) -> None:
    """Print a table."""
    out().print(found)


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns


def zone_of(name: str) -> tzinfo:
    """The zone of a name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def moment(at: Timestamp, zone: tzinfo | None = None, *, seconds: bool = True) -> str:
    """A time to read and to sort by; without a zone, that of this machine."""
    found = at.ToDatetime(UTC).astimezone(zone)
    return f"{found:%Y-%m-%d %H:%M:%S}" if seconds else f"{found:%Y-%m-%d %H:%M}"


def zone_name(zone: tzinfo | None) -> str:
    """What to call a zone in a heading."""
    if isinstance(zone, ZoneInfo):
        return zone.key
    return datetime.now(UTC).astimezone(zone).tzname() or "UTC"


def hours(seconds: float) -> str:
    """A length of camera time: 42 min, 3.5 h."""
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h"
