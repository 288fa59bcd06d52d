"""docs/settings.md lists every setting as the server reads it."""

from __future__ import annotations

import subprocess
import sys

from tests.support.binaries import ROOT


def test_the_table_of_settings_is_that_of_the_settings_model() -> None:
    checked = subprocess.run(
        [sys.executable, "scripts/settings_doc.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
