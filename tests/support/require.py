"""What a test needs and a machine may not have.

A need that is not met skips the test and says why; under EPS_REQUIRE_ALL=1 every skip is a failure
(tests/conftest.py), so that a complete run cannot pass by leaving things out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .binaries import find, recorded_data


def program(name: str, hint: str = "`make services` installs it where it can") -> Path:
    """The path of a program, or skip the test."""
    found = find(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine: {hint}")
    return found


def data() -> Path:
    """The folder with the recorded site's data, or skip."""
    folder = recorded_data()
    if folder is None:
        pytest.skip("the recorded site's data is not here: set EPS_DATA to its folder")
    return folder


def scale() -> float:
    """EPS_SCALE: 1 in `make soak`, a twentieth by default."""
    return float(os.environ.get("EPS_SCALE", "0.05"))


def scaled(full: int, least: int = 1) -> int:
    """A heavy test's size: `full` times EPS_SCALE, at least `least`."""
    return max(least, round(full * scale()))
