"""docker-compose.yml as tests read it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

from tests.support.binaries import ROOT

FILE = ROOT / "docker-compose.yml"


@cache
def compose() -> dict[str, Any]:
    """The whole file, variables of the shell replaced by their defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text(encoding="utf-8"))
    return yaml.safe_load(text)


def service(name: str) -> dict[str, Any]:
    """One service."""
    return compose()["services"][name]


def seconds(duration: str) -> float:
    """Of a duration such as 45s."""
    assert duration.endswith("s"), duration
    return float(duration[:-1])
