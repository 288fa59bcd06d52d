"""Every command that the README shows works, against a service as `make run` starts it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import free_port
from tests.support.running import RunningSite, running_site

from . import readme
from .readme import Line

pytestmark = pytest.mark.timeout(300)  # the first of them waits for eight weeks of history
EPS = Path(sys.executable).with_name("eps")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """One service for all lines."""
    with running_site(tmp_path_factory.mktemp("readme"), free_port()) as site:
        yield site


def _run(site: RunningSite, line: Line) -> str:
    """What a line prints. Fails the test when it does not end well."""
    ran = subprocess.run(
        line.command(site.address, EPS),
        env={**os.environ, "EPS_HOME": str(site.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_readme_shows_commands() -> None:
    shown = [line.text.split(" ")[0] for line in readme.lines()]
    assert ".venv/bin/eps" in shown
    assert "grpcurl" in shown


@pytest.mark.parametrize("line", readme.lines(), ids=lambda line: line.text[:70])
def test_a_line_of_the_readme_works(site: RunningSite, line: Line) -> None:
    assert _run(site, line).strip()


def test_the_python_of_the_readme_works(site: RunningSite) -> None:
    [text] = readme.blocks("python")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(readme.DEFAULT_ADDRESS.sub(site.address, text), {})  # noqa: S102 - our own README
    assert said.getvalue().strip()
