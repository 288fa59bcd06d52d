"""A growing file: every line once, whatever happens to the file, and no look at it in vain."""

# ruff: noqa: ASYNC240 - a test may look at its few bytes on the loop

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.sources.backoff import Backoff
from enhanced_prompt_service.sources.checkpoints import Checkpoints
from enhanced_prompt_service.sources.files import BadFile, Run
from enhanced_prompt_service.sources.follow import follow
from enhanced_prompt_service.sources.parsers import event_parser
from enhanced_prompt_service.sources.rebase import Shift, Zones

from .helpers import MemorySink, Script, Stop

PARSER = event_parser()


def line(name: str) -> str:
    row = {
        "event_id": name,
        "start_time": "2026-03-01T12:00:00Z",
        "site": "home",
        "camera_id": "c",
        "event_type": "t",
    }
    return json.dumps(row) + "\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def run_script(path: Path, sink: MemorySink, script: Script, run: Run | None = None) -> None:
    with pytest.raises(Stop):
        await follow(path, sink, PARSER, run, poll_s=7, wait=script)


async def test_lines_are_sent_as_they_come_and_half_ones_are_waited_for(path: Path) -> None:
    sink = MemorySink()
    seen: list[list[str]] = []
    half = line("c")

    def look(text: str) -> None:
        seen.append(list(sink.events))
        append(path, text)

    path.write_text(line("a"))
    script = Script(
        lambda: look(line("b") + half[:20]),
        lambda: look(half[20:]),
        lambda: look(""),
        lambda: look(line("d")),
    )
    await run_script(path, sink, script)
    assert seen == [["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]
    assert list(sink.events) == ["a", "b", "c", "d"]
    assert script.waits == [7] * 5


async def test_a_file_that_is_not_there_yet_is_waited_for(path: Path) -> None:
    sink = MemorySink()
    script = Script(lambda: None, lambda: path.write_text(line("a")))
    await run_script(path, sink, script)
    assert list(sink.events) == ["a"]


async def test_after_a_rotation_the_old_file_is_read_to_its_end_first(path: Path) -> None:
    sink = MemorySink()

    def rotate() -> None:
        append(path, line("b") + line("c").rstrip("\n"))
        path.rename(path.with_suffix(".1"))
        path.write_text(line("d"))

    path.write_text(line("a"))
    await run_script(path, sink, Script(rotate, lambda: None))
    assert list(sink.events) == ["a", "b", "c", "d"]


async def test_while_the_name_is_gone_the_old_file_is_still_read(path: Path) -> None:
    sink = MemorySink()
    old = path.with_suffix(".1")
    path.write_text(line("a"))
    script = Script(
        lambda: path.rename(old),
        lambda: append(old, line("b")),
        lambda: path.write_text(line("c")),
    )
    await run_script(path, sink, script)
    assert list(sink.events) == ["a", "b", "c"]


async def test_a_file_that_was_cut_short_is_read_from_its_beginning(path: Path) -> None:
    sink = MemorySink()
    path.write_text(line("a") + line("b"))
    await run_script(path, sink, Script(lambda: path.write_text(line("c"))))
    assert list(sink.events) == ["a", "b", "c"]


async def test_a_file_that_was_cut_and_grew_beyond_is_noticed_too(path: Path) -> None:
    sink = MemorySink()
    path.write_text(line("a"))

    def rewrite() -> None:
        with path.open("r+") as file:
            file.truncate()
            file.write(line("x") + line("y") + line("z"))

    inode = path.stat().st_ino
    await run_script(path, sink, Script(rewrite))
    assert path.stat().st_ino == inode
    assert list(sink.events) == ["a", "x", "y", "z"]


async def test_it_goes_on_where_an_earlier_run_stopped(path: Path, tmp_path: Path) -> None:
    run = Run(checkpoints=Checkpoints(tmp_path / "imports"))
    path.write_text(line("a") + line("b"))
    await run_script(path, MemorySink(), Script(), run)
    append(path, line("c"))
    sink = MemorySink()
    await run_script(path, sink, Script(), run)
    assert list(sink.events) == ["c"]


async def test_csv_keeps_its_header(path: Path) -> None:
    sink = MemorySink()
    table = path.with_suffix(".csv")
    table.write_text("id,ts,site,camera")
    script = Script(
        lambda: append(table, ",kind\na,2026-03-01T12:00:00Z,home,c,t\n"),
        lambda: append(table, "b,2026-03-01T12:00:00Z,home,c,t\n"),
    )
    await run_script(table, sink, script)
    assert list(sink.events) == ["a", "b"]


async def test_while_the_sink_is_away_the_batch_is_kept(path: Path) -> None:
    sink = MemorySink()
    failures = iter([Unavailable("gone"), Unavailable("gone"), None, None])
    sink.fail = lambda batch: next(failures)
    path.write_text(line("a") + "{oops\n")
    script = Script(lambda: None, lambda: None, lambda: append(path, line("b")))
    progresses: list[tuple[int, int]] = []
    run = Run(on_progress=lambda one: progresses.append((one.rows, one.rejected)))
    with pytest.raises(Stop):
        await follow(path, sink, PARSER, run, wait=script, backoff=Backoff(first_s=1))
    assert list(sink.events) == ["a", "b"]
    assert progresses == [(2, 1), (3, 1)]


WRITES = st.lists(
    st.tuples(st.sampled_from(["append", "rotate", "truncate", "stop"]), st.integers(0, 3)),
    max_size=12,
)


@given(WRITES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
async def test_whatever_happens_to_the_file_every_whole_line_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[str, int]], dice: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("follow")
    path = folder / "events.jsonl"
    path.touch()
    written: list[str] = []
    rest = ""

    def more(number: int) -> None:
        """Add lines, in pieces that end anywhere."""
        nonlocal rest
        names = [f"e{len(written) + one}" for one in range(number)]
        written.extend(names)
        text = rest + "".join(map(line, names))
        cut = dice.randint(0, len(text))
        append(path, text[:cut])
        rest = text[cut:]

    def whole() -> None:
        nonlocal rest
        append(path, rest)
        rest = ""

    def rotate() -> None:
        whole()
        path.rename(folder / f"old.{len(list(folder.iterdir()))}")
        path.touch()

    def truncate() -> None:
        os.truncate(path, 0)

    sink = MemorySink()
    run = Run(batch_size=2, checkpoints=Checkpoints(folder / "imports"))
    steps: list[Callable[[], object]] = []
    for action, number in writes:
        if action == "append":
            steps.append(partial(more, number))
        elif action == "rotate":
            steps.append(rotate)
        elif action == "truncate":
            # What was written must have been read by then: else it is gone for everyone.
            steps += [whole, truncate]
        else:
            await run_script(path, sink, Script(*steps, whole), run)
            steps = []
    await run_script(path, sink, Script(*steps, whole), run)
    assert list(sink.events) == written
    assert sum(sink.batches) == len(written)


def is_open(path: Path) -> bool:
    return str(path) in {one.path for one in psutil.Process().open_files()}


async def test_being_cancelled_closes_the_file(path: Path) -> None:
    path.write_text(line("a"))
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(follow(path, MemorySink(), PARSER, wait=wait))
    await waiting.wait()
    assert is_open(path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_open(path)


async def test_what_has_no_end_is_not_rebased_nor_unpacked(path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be rebased"):
        await follow(path, MemorySink(), PARSER, Run(shift=Shift(1, Zones())))
    with pytest.raises(BadFile, match="packed"):
        await follow(path.with_suffix(".jsonl.gz"), MemorySink(), PARSER)


def test_the_wait_grows_and_is_never_the_same_for_all() -> None:
    backoff = Backoff(first_s=1, most_s=10)
    waits = [backoff.next() for _ in range(8)]
    for wait, bound in zip(waits, (1, 2, 4, 8, 10, 10, 10, 10), strict=True):
        assert 0.1 * bound <= wait <= bound
    assert len(set(waits)) == 8
    backoff.reset()
    assert backoff.next() <= 1
