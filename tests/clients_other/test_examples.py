"""The programs that each client shows: they print a streamed answer, and follow insights."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from enhanced_prompt import AsyncClient
from tests.support.agents import said
from tests.support.workers import Worker

from .languages import Programs
from .test_restart import draft, restart, worker

__all__ = ["worker"]


@asynccontextmanager
async def example(programs: Programs, *arguments: str) -> AsyncGenerator[Process]:
    """The program, ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *programs.example, *arguments, stdin=DEVNULL, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_example_prints_an_answer_as_it_is_written(
    programs: Programs, worker: Worker
) -> None:
    query = "instant 1 example"
    # Options stand before the question: Go's flags end with the first word that is none.
    async with example(programs, "ask", f"--target={worker.address}", query) as running:
        out, _ = await running.communicate()
    assert running.returncode == 0
    text, matches = out.decode().rstrip().rsplit("\n", 1)
    assert text.split("\n\n", 1)[1] == said(query)  # after what the agent withdrew
    assert matches == "(3 events match)"


async def test_the_example_follows_insights_and_goes_on_where_it_was(
    programs: Programs, worker: Worker, tmp_path: Path
) -> None:
    """It keeps its place after a line is printed: killed between the two it prints that line again.

    In one life each line comes once.
    """
    arguments = ("insights", f"--target={worker.address}", f"--keep={tmp_path / 'kept'}", "--all")

    async def until(running: Process, last: int) -> list[tuple[int, str]]:
        assert running.stdout is not None
        lines: list[tuple[int, str]] = []
        while not lines or lines[-1][0] < last:
            position, _, _, title = (await running.stdout.readline()).decode().split(" ", 3)
            lines.append((int(position), title.strip()))
        return lines

    async with AsyncClient(worker.address) as client:
        for number in (1, 2, 3):
            await client.publish_insight(draft(number))
        async with example(programs, *arguments) as running:
            first = await until(running, 3)
            await restart(worker, "killed")
            await client.publish_insight(draft(4))
            first += await until(running, 4)
        await client.publish_insight(draft(5))
        async with example(programs, *arguments) as running:
            second = await until(running, 5)
    assert first == [(number, f"insight {number}") for number in (1, 2, 3, 4)]
    assert [one for one in second if one not in first] == [(5, "insight 5")]
    assert second[0][0] >= 4
