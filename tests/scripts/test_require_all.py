"""EPS_REQUIRE_ALL=1: what is skipped has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.binaries import ROOT

PLUGIN = "tests.support.require_all"
SKIPS = {
    "test_one.py": 'import pytest\ndef test_it(): pytest.skip("no database here")\n',
    "test_module.py": 'import pytest\npytest.skip("no data here", allow_module_level=True)\n',
    "test_mark.py": 'import pytest\n@pytest.mark.skip("no browser here")\ndef test_it(): ...\n',
    "test_expected.py": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
}


def _run(folder: Path, *names: str, require: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name in names:
        (folder / name).write_text(SKIPS[name])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN],
        cwd=folder,
        env={**os.environ, "EPS_REQUIRE_ALL": require, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_skip_passes_where_not_everything_is_required(tmp_path: Path) -> None:
    assert _run(tmp_path, "test_one.py", require="").returncode == 0


def test_a_skip_fails_and_says_what_is_missing(tmp_path: Path) -> None:
    for name, reason in (
        ("test_one.py", "no database here"),
        ("test_module.py", "no data here"),
        ("test_mark.py", "no browser here"),
    ):
        folder = tmp_path / name.removesuffix(".py")
        folder.mkdir()
        ran = _run(folder, name, require="1")
        assert ran.returncode in (1, 2), ran.stdout  # a test, a module
        assert reason in ran.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    assert _run(tmp_path, "test_expected.py", require="1").returncode == 0
