"""How far an import is, and what it could not take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .sink import Receipt

MAX_REJECTIONS = 1_000


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that was not taken. `line` counts from 1 (of a JSON array: its item)."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.reason}" if self.field else f"{where}: {self.reason}"


@dataclass(slots=True)
class Progress:
    """Counts of one run, kept up to date in place. Bytes are of the file on disk.

    `bytes_total` is None where there is no end (following, polling). `rejections` holds the first
    MAX_REJECTIONS of them, `rejected` counts all. `dropped` are rows that the source itself marks
    as no event (Frigate's false positives). `resumed_at` is the line that an earlier run came to,
    0 where this one began at the beginning.
    """

    file: str = ""
    rows: int = 0
    bytes_read: int = 0
    bytes_total: int | None = None
    created: int = 0
    updated: int = 0
    duplicates: int = 0
    rejected: int = 0
    dropped: int = 0
    resumed_at: int = 0
    rejections: list[Rejection] = field(default_factory=list[Rejection])

    @property
    def taken(self) -> int:
        """Rows that the receiver has now."""
        return self.created + self.updated + self.duplicates

    def reject(self, line: int, field_name: str, reason: str, *, file: str = "") -> None:
        """Count a rejected row, and keep it while there is room."""
        self.rejected += 1
        if len(self.rejections) < MAX_REJECTIONS:
            self.rejections.append(Rejection(file or self.file, line, field_name, reason))

    def count(self, lines: Sequence[int], receipt: Receipt) -> None:
        """Count what became of a batch; `lines` are where its items stood."""
        self.created += receipt.created
        self.updated += receipt.updated
        self.duplicates += receipt.duplicates
        for one in receipt.refused:
            self.reject(lines[one.index], one.field, one.reason)


OnProgress = Callable[[Progress], None]
"""Called after each batch, on the event loop; must return quickly."""


def silent(_: Progress) -> None:
    """Shows nothing."""
