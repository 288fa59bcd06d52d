"""`make bench`: measure, and print one table.

    python -m tests.bench                    # everything, medians of 5 runs
    python -m tests.bench streaming ingest   # some of it
    python -m tests.bench --quick            # small and rough, to see whether it works
    python -m tests.bench --write            # keep the table in docs/benchmarks.md

Ratios are what counts: machines differ and are noisy. Nothing here fails a build.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from tests.support.binaries import recorded_data

from . import figures
from .figures import Figure
from .plan import Plan
from .processes import ROOT, pin_caller
from .rows import (
    cancelling,
    detecting,
    ingest,
    providers,
    questions,
    resuming,
    security,
    sharing,
    slow_reader,
    starting,
    streaming,
    subscribing,
    understanding,
)

Measure = Callable[[Plan], Awaitable[list[Figure]]]
ROWS: dict[str, Measure] = {
    "streaming": streaming.measure,
    "understanding": understanding.measure,
    "questions": questions.measure,
    "ingest": ingest.measure,
    "starting": starting.measure,
    "resume": resuming.measure,
    "cancel": cancelling.measure,
    "provider": providers.measure,
    "subscribe": subscribing.measure,
    "slow-reader": slow_reader.measure,
    "workers": sharing.measure,
    "security": security.measure,
    "detecting": detecting.measure,
}
DOCUMENT = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "docs" / "benchmarks.json"
MARKED = re.compile(r"(<!-- begin: make bench -->\n).*?(<!-- end: make bench -->)", re.DOTALL)


def main() -> int:
    """Measure what was asked for. Returns 1 when something could not be measured."""
    arguments = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("rows", nargs="*", metavar="ROWS", help=", ".join(ROWS))
    arguments.add_argument("--runs", type=int, default=5, help="medians of so many (5)")
    arguments.add_argument("--quick", action="store_true", help="two small runs")
    arguments.add_argument("--write", action="store_true", help="keep the table in docs/")
    arguments.add_argument("--json", type=Path, help="write the results to this file as well")
    given = arguments.parse_args()
    if unknown := set(given.rows) - ROWS.keys():
        arguments.error(f"no such rows: {', '.join(sorted(unknown))}")
    names = [name for name in ROWS if name in (given.rows or ROWS)]
    if given.write and (given.quick or len(names) < len(ROWS)):
        arguments.error("--write keeps whole results only: no --quick, no choice of rows")
    data = recorded_data()
    if data is None:
        sys.exit("The recorded site's data is not here: set EPS_DATA to its folder.")

    pin_caller()
    with tempfile.TemporaryDirectory(prefix="eps-bench-") as work:
        plan = Plan(2 if given.quick else given.runs, 0.1 if given.quick else 1, Path(work), data)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows, failures = runner.run(_measure(names, plan))
    _show(rows)
    if given.json:
        given.json.write_text(_results(rows, plan))
    if given.write and not failures:
        RESULTS.write_text(_results(rows, plan))
        DOCUMENT.write_text(_inserted(DOCUMENT.read_text(), rows, plan))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


async def _measure(names: Sequence[str], plan: Plan) -> tuple[list[Figure], list[str]]:
    rows: list[Figure] = []
    failures: list[str] = []
    for name in names:
        print(f"measuring: {name} …", file=sys.stderr, flush=True)
        try:
            rows += await ROWS[name](plan)
        except Exception as error:  # the other rows are worth having
            failures.append(f"{name}: {type(error).__name__}: {error}")
    return rows, failures


def _show(rows: Sequence[Figure]) -> None:
    table = Table(*figures.HEADINGS, show_lines=True)
    for row in rows:
        table.add_row(*figures.cells(row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _results(rows: Sequence[Figure], plan: Plan) -> str:
    about = {"commit": _commit(), "date": _today(), "machine": _machine(), "runs": plan.runs}
    return json.dumps({**about, "rows": [row.as_json() for row in rows]}, indent=1) + "\n"


def _inserted(document: str, rows: Sequence[Figure], plan: Plan) -> str:
    about = (
        f"{_today()}, commit {_commit()}, {_machine()}. Medians of {plan.runs} runs, "
        "the least and the most in brackets.\n\n"
    )
    text = about + figures.markdown(rows)
    found, count = MARKED.subn(lambda match: match[1] + text + match[2], document)
    if count != 1:
        raise ValueError(f"{DOCUMENT} has no place for the table")
    return found


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    """Cores and processor: no name."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    processor = models[0] if models else platform.machine()
    return f"{len(models) or '?'} × {processor}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
