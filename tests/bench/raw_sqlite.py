"""The reference for ingest: the same rows into the same schema with nothing but sqlite3.

Run as a process of its own: `python -m tests.bench.raw_sqlite FROM TO`. Copies
the schema of the database FROM, reads its events and their text, then writes them to TO, as many a
transaction as an ingest request has, and prints the rows per second. It keeps no roll-up by hour
and no list of kinds, finds no duplicates and works out nothing: all of that is ours alone.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path

from tests.bench.sample import BATCH

WRITES = ("events", "event_text")


def main(source: Path, target: Path) -> None:
    """Print the rows per second."""
    events, texts = _read(source)
    database = sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
        database.execute(f"PRAGMA {pragma}")
    _copy_schema(source, database)
    event = f"INSERT INTO events VALUES ({', '.join('?' * len(events[0]))})"  # noqa: S608 - question marks
    text = "INSERT INTO event_text (rowid, words) VALUES (?, ?)"
    began = time.perf_counter()
    for begin in range(0, len(events), BATCH):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(event, events[begin : begin + BATCH])
        database.executemany(text, texts[begin : begin + BATCH])
        database.execute("COMMIT")
    took = time.perf_counter() - began
    database.close()
    print(len(events) / took)


def _read(source: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database:
        events = database.execute("SELECT * FROM events ORDER BY id").fetchall()
        texts = database.execute("SELECT rowid, words FROM event_text ORDER BY rowid").fetchall()
    return events, texts


def _copy_schema(source: Path, target: sqlite3.Connection) -> None:
    """Tables and indexes of events only; FTS5 makes the tables behind its own."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as database:
        statements = database.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN (?, ?)"
            " ORDER BY type DESC",
            WRITES,
        ).fetchall()
    for (statement,) in statements:
        target.execute(statement)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
