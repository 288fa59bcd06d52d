"""ghz against Ask and Answer: a load tool that knows the contract by reflection alone.

python -m tests.clients_other.load    measures, and writes the reports into docs/ghz.md
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1.events_pb2 import Event
from tests.support.binaries import ROOT
from tests.support.require import program

from .interop import serving

DOC = ROOT / "docs" / "ghz.md"
RPCS = ("Answer", "Ask")
QUESTION = "what happened at the gate on 13 March 2026?"
EVENTS = 1000
_REPORT = re.compile(r"(<!-- ghz: (\w+) -->\n).*?(<!-- ghz: end -->)", re.DOTALL)


async def fill(address: str) -> None:
    """A day with a thousand events at one camera."""
    begin = datetime(2026, 3, 13, tzinfo=UTC)
    events: list[Event] = []
    for number in range(EVENTS):
        one = Event(
            event_id=f"e-{number}", site="yard", camera_id="gate", event_type="person_enters"
        )
        one.start_time.FromDatetime(begin + timedelta(seconds=80 * number))
        events.append(one)
    async with AsyncClient(address) as client:
        await client.ingest_batch(events)


async def ghz(address: str, rpc: str, *, calls: int, at_once: int, form: str) -> str:
    """The report of a run, in a form of ghz's."""
    process = await asyncio.create_subprocess_exec(
        *(str(program("ghz")), "--insecure", "-n", str(calls), "-c", str(at_once), "-O", form),
        *("--call", f"enhanced_prompt.v1.PromptService/{rpc}"),
        *("-d", json.dumps({"query": QUESTION}), address),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, failed = await process.communicate()
    if process.returncode:
        raise RuntimeError(failed.decode())
    return out.decode()


async def measured(address: str, rpc: str, calls: int) -> dict[str, Any]:
    """What a small run counted, as ghz says it in JSON."""
    return json.loads(await ghz(address, rpc, calls=calls, at_once=4, form="json"))


async def _write() -> None:
    reports: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as address:
            await fill(address)
            for rpc in RPCS:
                await measured(address, rpc, 20)  # warm
                text = await ghz(address, rpc, calls=1000, at_once=10, form="summary")
                reports[rpc] = "\n".join(line.rstrip() for line in text.strip().splitlines())
    made = _REPORT.sub(
        lambda one: f"{one[1]}```text\n{reports[one[2]]}\n```\n{one[3]}",
        DOC.read_text(encoding="utf-8"),
    )
    DOC.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
