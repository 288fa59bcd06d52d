"""Reading a file that grows, for as long as somebody wants to.

Rotation (another file under the same name) and truncation are noticed; what stood in the old file
is read to its end first. Between looks at the file nothing runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn

from ..domain.errors import Unavailable
from . import jsonl
from .backoff import Backoff
from .checkpoints import Checkpoint
from .files import Run, checkpoint_of, note, send
from .lines import LineReader
from .parsers import Parser
from .progress import Progress
from .rows import BadRow
from .sink import Sink
from .tables import BadFile, Entry, csv_reader, entry_of, is_csv

_ANCHOR = 1024  # bytes before the position that must still be there


async def follow(
    path: Path,
    sink: Sink,
    parser: Parser,
    run: Run | None = None,
    *,
    poll_s: float = 1.0,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    backoff: Backoff | None = None,
) -> NoReturn:
    """Import a file and what is added to it, until cancelled.

    A file that is not there (yet) is waited for. While the sink is away (Unavailable) the batch is
    tried again; any other error ends it. Raises BadFile for a gz file or a rebase: neither has an
    end that could be known.
    """
    run = run or Run()
    if run.shift is not None:
        raise BadFile("a growing file cannot be rebased: its last moment is not known yet")
    if path.name.lower().endswith(".gz"):
        raise BadFile(f"{path} is packed, and so cannot grow")
    backoff = backoff or Backoff()
    key = await asyncio.to_thread(run.key, f"follow:{parser.fingerprint}", path)
    progress = Progress(str(path))
    with Tail(path, await asyncio.to_thread(checkpoint_of, path, run, key)) as tail:
        progress.resumed_at = tail.line if tail.position else 0
        while True:
            entries = await asyncio.to_thread(tail.take, run.batch_size)
            if not entries:
                await wait(poll_s)
                continue
            while True:
                before = progress.rows, progress.rejected, progress.dropped
                try:
                    await send(entries, sink, parser, None, progress)
                    break
                except Unavailable:
                    progress.rows, progress.rejected, progress.dropped = before
                    await wait(backoff.next())
            backoff.reset()
            progress.bytes_read = tail.position
            await asyncio.to_thread(note, path, run, key, entries[-1])
            run.on_progress(progress)


class Tail:
    """The unread whole records of a file under a name, whichever file that is by now."""

    def __init__(self, path: Path, begin: Checkpoint | None = None) -> None:
        self._path = path
        self._begin = begin or Checkpoint()
        self._stream: IO[bytes] | None = None
        self._reader: LineReader | None = None
        self._decode = jsonl.decode
        self._anchor = b""

    def __enter__(self) -> Tail:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def position(self) -> int:
        """Where the next record begins, in the file that is open now."""
        return self._reader.position if self._reader else self._begin.position

    @property
    def line(self) -> int:
        """The number of the line there."""
        return self._reader.line if self._reader else self._begin.line

    def take(self, limit: int) -> list[Entry]:
        """The next whole records, at most `limit`; none where there is nothing new. Raises
        BadFile for a header that is none."""
        try:
            if self._stream is None and not self._open():
                return []
            if self._rewritten():
                self._restart()
            found = self._read(limit, partial=False)
            if not found and self._replaced():
                # Nothing will be added to the old file: an unfinished line is its last one.
                found = self._read(limit, partial=True)
                self._restart()
                if not found and self._stream is not None:
                    found = self._read(limit, partial=False)
            return found
        except BadRow as error:
            raise BadFile(f"{self._path} cannot be read: {error}") from error
        except OSError as error:
            raise BadFile(f"{self._path} cannot be read: {error}") from error

    def _open(self) -> bool:
        try:
            self._stream = self._path.open("rb")
        except FileNotFoundError:
            return False
        return True

    def _read(self, limit: int, *, partial: bool) -> list[Entry]:
        assert self._stream is not None
        if self._reader is None:
            self._reader = self._make_reader(self._stream)
            if self._reader is None:
                return []
        records = self._reader.records(partial=partial)
        found = [entry_of(one, self._decode) for one in islice(records, limit)]
        if found:
            position = self._reader.position
            start = max(position - _ANCHOR, 0)
            self._stream.seek(start)
            self._anchor = self._stream.read(position - start)
        return found

    def _make_reader(self, stream: IO[bytes]) -> LineReader | None:
        stream.seek(0)
        if not is_csv(self._path):
            return LineReader(stream, self._begin.position, self._begin.line)
        found = csv_reader(stream, self._begin)
        if found is None:
            return None
        form, reader = found
        self._decode = form.decode
        return reader

    def _rewritten(self) -> bool:
        """Whether the open file no longer holds what was read of it (cut short, or cut short and
        grown again)."""
        if self._stream is None or self._reader is None:
            return False
        position = self._reader.position
        if os.fstat(self._stream.fileno()).st_size < position:
            return True
        self._stream.seek(position - len(self._anchor))
        return self._stream.read(len(self._anchor)) != self._anchor

    def _replaced(self) -> bool:
        """Whether another file stands under the name now."""
        assert self._stream is not None
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(self._stream.fileno())
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _restart(self) -> None:
        self._close()
        self._begin = Checkpoint()
        self._anchor = b""
        self._open()

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = self._reader = None


__all__ = ["Tail", "follow"]
