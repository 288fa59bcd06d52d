"""What only a soak runs is left out of other runs, and is no skip there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.binaries import ROOT

TESTS = """
import pytest
@pytest.mark.soak_only
def test_in_full(): pytest.fail("it ran")
def test_usual(): pass
"""


@pytest.mark.parametrize(
    ("scale", "outcome"), [("0.05", "1 passed, 1 deselected"), ("1", "1 failed, 1 passed")]
)
def test_what_only_a_soak_runs_is_deselected_below_full_size(
    scale: str, outcome: str, tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  soak_only: big\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    plugins = ["-p", "tests.support.require_all", "-p", "tests.support.soak_only"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins],
        cwd=tmp_path,
        env={
            **os.environ,
            "EPS_REQUIRE_ALL": "1",
            "EPS_SCALE": scale,
            "PYTHONPATH": str(ROOT),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in ran.stdout
