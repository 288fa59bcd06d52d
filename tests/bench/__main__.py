"""`make bench`: measure, and print one table.

    python -m tests.bench                    # everything, medians of 5 runs
    python -m tests.bench streaming ingest   # some of it
    python -m tests.bench --quick            # small and rough, to see whether it works
    python -m tests.bench --write            # keep what was measured in docs/benchmarks.md
    python -m tests.bench --write workers    # only these rows anew, the others as they are

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
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    counting,
    delivering,
    detecting,
    edge,
    ingest,
    page,
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
    "page": page.measure,
    "delivering": delivering.measure,
    "gateway": edge.measure,
    "counting": counting.measure,
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
    if given.write and given.quick:
        arguments.error("--write keeps whole measurements only: no --quick")
    data = recorded_data()
    if data is None:
        sys.exit("The recorded site's data is not here: set EPS_DATA to its folder.")

    pin_caller()
    with tempfile.TemporaryDirectory(prefix="eps-bench-") as work:
        plan = Plan(2 if given.quick else given.runs, 0.1 if given.quick else 1, Path(work), data)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows, failures = runner.run(_measure(names, plan))
    _show(rows)
    taken = [_taken(row, plan) for row in rows]
    if given.json:
        given.json.write_text(_results(taken))
    if given.write:
        kept = merged(json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else [], taken)
        RESULTS.write_text(_results(kept))
        DOCUMENT.write_text(_inserted(DOCUMENT.read_text(), kept))
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


Taken = dict[str, Any]
"""A row of the results file: a figure, and when and on which commit it was measured."""


def _taken(row: Figure, plan: Plan) -> Taken:
    return {**row.as_json(), "commit": _commit(), "date": _today(), "runs": plan.runs}


def merged(before: Sequence[Taken], now: Sequence[Taken]) -> list[Taken]:
    """What is kept: rows measured now in the place of those of the same name, new ones last."""
    newer = {row["name"]: row for row in now}
    kept = [newer.pop(row["name"], row) for row in before]
    return [*kept, *newer.values()]


def _results(rows: Sequence[Taken]) -> str:
    return json.dumps({"machine": _machine(), "rows": rows}, indent=1) + "\n"


def _inserted(document: str, rows: Sequence[Taken]) -> str:
    commits = sorted({(row["date"], row["commit"]) for row in rows})
    when = ", ".join(f"{date} at {commit}" for date, commit in commits)
    about = (
        f"{_machine()}. Medians of several runs, the least and the most in brackets. Measured "
        f"{when}; [benchmarks.json](benchmarks.json) says which row when, and in how many runs.\n\n"
    )
    names = {field.name for field in fields(Figure)}
    shown = [Figure(**{name: row[name] for name in names}) for row in rows]
    text = about + figures.markdown(shown)
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
