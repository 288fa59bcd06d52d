"""Records of a file with the byte position after each, so that reading can go on where it stopped.

A record is a line or, in CSV, several: a line break inside quotes belongs to its field. Positions
of a gz file are of what is inside.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

MAX_RECORD = 1024 * 1024  # bytes of a line; a longer one is rejected, not read into memory
MAX_JOINED = 64 * 1024  # bytes of a record of several lines; beyond, its quote is a stray one
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its text, or a `problem` that says why it could not be read.

    `line` is the number of its first line, from 1; `next_line` and `position` are where the
    next one begins. `complete` is False for what ends with the file and without a line break:
    more of it may come, so reading goes on at its beginning then.
    """

    text: str
    line: int
    next_line: int
    position: int
    complete: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Raw:
    data: bytes
    size: int
    lines: int
    complete: bool
    overlong: bool = False


class LineReader:
    """Reads records from a seekable binary stream, from a position on.

    `unfinished` says whether bytes are a record that goes on with the next line.
    """

    def __init__(
        self,
        stream: IO[bytes],
        position: int = 0,
        line: int = 1,
        *,
        unfinished: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._stream = stream
        self._position = position
        self._line = line
        self._unfinished = unfinished

    @property
    def position(self) -> int:
        """Where the next record begins."""
        return self._position

    @property
    def line(self) -> int:
        """The number of the line where the next record begins."""
        return self._line

    def records(self, *, partial: bool = True) -> Iterator[Record]:
        """Records up to the end of the file as it is now; blank lines are passed over.

        Without `partial`, what has no line break yet is left for a later call.
        """
        self._stream.seek(self._position)
        while True:
            raw = self._next(partial)
            if not raw.size or not (raw.complete or partial):
                return
            first = self._position == 0
            line, end = self._line, self._position + raw.size
            if raw.complete:
                self._position, self._line = end, line + raw.lines
            if record := self._record(raw, line, first=first):
                yield record
            if not raw.complete:
                return

    def _record(self, raw: _Raw, line: int, *, first: bool) -> Record | None:
        text, problem = "", ""
        if raw.overlong:
            problem = f"is longer than {MAX_RECORD:,} bytes"
        else:
            data = raw.data.removeprefix(_BOM) if first else raw.data
            try:
                text = data.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                problem = f"is not UTF-8 (byte {error.start + 1})"
        if not text.strip() and not problem:
            return None
        return Record(text, line, self._line, self._position, raw.complete, problem)

    def _next(self, partial: bool) -> _Raw:
        data = self._stream.readline(MAX_RECORD)
        ended = data.endswith(b"\n")
        if len(data) == MAX_RECORD and not ended:
            return self._skip(len(data))
        joined, lines = data, 1
        while self._unfinished is not None and ended and self._unfinished(joined):
            more = self._stream.readline(MAX_JOINED)
            joined += more
            lines += 1
            if not more or len(joined) > MAX_JOINED:
                # No end of the quotes: more of the file may come, else the quote was a stray one
                # and the line stands for itself.
                self._stream.seek(self._position + len(data))
                return _Raw(data, len(data), 1, complete=partial or bool(more))
        return _Raw(joined, len(joined), lines, joined.endswith(b"\n"))

    def _skip(self, size: int) -> _Raw:
        while more := self._stream.readline(MAX_RECORD):
            size += len(more)
            if more.endswith(b"\n"):
                return _Raw(b"", size, 1, complete=True, overlong=True)
        return _Raw(b"", size, 1, complete=False, overlong=True)


@contextmanager
def opened(path: Path) -> Generator[tuple[IO[bytes], IO[bytes]]]:
    """What is in a file, unpacked if it is gz, and the file itself (whose position shows how far
    reading is).

    Raises OSError; a damaged gz file raises OSError, EOFError or zlib.error while it is read.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield cast(IO[bytes], unpacked), raw
        else:
            yield raw, raw
