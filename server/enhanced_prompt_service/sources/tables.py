"""A file as rows, in pieces, from where an earlier run stopped: JSON lines, a JSON array or CSV."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from . import jsonl
from .checkpoints import Checkpoint
from .csv import CsvForm
from .lines import LineReader, Record, opened
from .loose import as_mapping
from .rows import BadRow, Row

MAX_ARRAY = 256 * 1024 * 1024  # bytes of a JSON array, which is read as a whole
_EDGE = 512  # bytes at either end of what was read, by which a file is known again


class BadFile(Exception):
    """A file that cannot be read (on): missing, damaged, or of no form that is known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row, or why it is none; its line, and where to go on after it."""

    line: int
    position: int
    next_line: int
    row: Row | None = None
    problem: BadRow | None = None


class Table:
    """An open file of rows. `begin` as a checkpoint says where to start."""

    def __init__(self, path: Path, stream: IO[bytes], raw: IO[bytes], begin: Checkpoint) -> None:
        self._path = path
        self._raw = raw
        self._entries = _entries(path, stream, begin)
        self._failure: BadFile | None = None

    def take(self, limit: int) -> list[Entry]:
        """The next rows, at most `limit`; none at the end. Raises BadFile, once what could be
        read before the damage was taken."""
        if self._failure is not None:
            raise self._failure
        found: list[Entry] = []
        try:
            found.extend(islice(self._entries, limit))
        except (OSError, EOFError, zlib.error, BadRow) as error:
            self._failure = BadFile(f"{self._path} cannot be read: {error}")
            if not found:
                raise self._failure from error
        return found

    @property
    def bytes_read(self) -> int:
        """How far reading is in the file on disk, in steps of its buffer."""
        return self._raw.tell()


@contextmanager
def open_table(path: Path, begin: Checkpoint | None = None) -> Generator[Table]:
    """Open a file. Raises BadFile."""
    try:
        with opened(path) as (stream, raw):
            yield Table(path, stream, raw, begin or Checkpoint())
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} cannot be read: {error}") from error


def csv_reader(stream: IO[bytes], begin: Checkpoint) -> tuple[CsvForm, LineReader] | None:
    """The header and a reader of what comes after it; None while there is no whole header yet.

    Raises BadRow for a header that is none.
    """
    header = next(LineReader(stream).records(), None)
    if header is None or not header.complete:
        return None
    if header.problem:
        raise BadRow("", header.problem)
    form = CsvForm.of_header(header.text)
    position, line = max((begin.position, begin.line), (header.position, header.next_line))
    return form, LineReader(stream, position, line, unfinished=form.unfinished)


def entry_of(record: Record, decode: Callable[[str], Row]) -> Entry:
    """A record as a row."""
    row, problem = None, None
    try:
        if record.problem:
            raise BadRow("", record.problem)
        row = decode(record.text)
    except BadRow as error:
        problem = error
    return Entry(record.line, record.position, record.next_line, row, problem)


def is_csv(path: Path) -> bool:
    """Whether the name says so; everything else is JSON."""
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def identity(path: Path, position: int) -> str:
    """What must still hold of a file for a position in it to mean the same; "" if it cannot.

    Of a plain file its beginning and what stands before the position: it may have grown. Of a gz
    or an array (whose position counts items) its size and time of change.
    """
    try:
        with opened(path) as (stream, raw):
            if stream is not raw or _first_byte(stream) == b"[":
                stat = path.stat()
                return f"whole:{stat.st_size}:{stat.st_mtime_ns}"
            digest = hashlib.blake2b(digest_size=16)
            for start, end in ((0, min(_EDGE, position)), (max(position - _EDGE, 0), position)):
                stream.seek(start)
                digest.update(stream.read(end - start))
            return f"grows:{digest.hexdigest()}"
    except (OSError, EOFError, zlib.error):
        return ""


def _entries(path: Path, stream: IO[bytes], begin: Checkpoint) -> Iterator[Entry]:
    if is_csv(path):
        found = csv_reader(stream, begin)
        if found is None:
            return
        form, reader = found
        decode = form.decode
    elif _first_byte(stream) == b"[":
        yield from _items(stream, begin.position)
        return
    else:
        reader, decode = LineReader(stream, begin.position, begin.line), jsonl.decode
    for record in reader.records():
        yield entry_of(record, decode)


def _items(stream: IO[bytes], begin: int) -> Iterator[Entry]:
    stream.seek(0)
    data = stream.read(MAX_ARRAY + 1)
    if len(data) > MAX_ARRAY:
        raise BadRow("", f"an array of more than {MAX_ARRAY:,} bytes; write one object a line")
    try:
        items = jsonl.decode_array(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadRow("", "is not UTF-8") from error
    for number, item in enumerate(items[begin:], begin + 1):
        row = as_mapping(item)
        problem = BadRow("", "is not a JSON object") if row is None else None
        yield Entry(number, number, number + 1, row, problem)


def _first_byte(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
