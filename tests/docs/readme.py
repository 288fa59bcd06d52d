"""What of the README can be run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import require
from tests.support.binaries import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEFAULT_ADDRESS = re.compile(r"(?:localhost|127\.0\.0\.1):50051")
SHELL = ("sh", "console")


@dataclass(frozen=True, slots=True)
class Line:
    """A command of the README, as it stands there."""

    text: str

    def command(self, address: str, eps: Path) -> list[str]:
        """To run against a server somewhere else; skips the test where a program is missing."""
        words = shlex.split(DEFAULT_ADDRESS.sub(address, self.text), comments=True)
        if words[0].endswith("eps"):
            return [str(eps), *words[1:]]
        return [str(require.program(words[0])), *words[1:]]


def blocks(*languages: str) -> Iterator[str]:
    """The code blocks in some languages."""
    for language, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def lines() -> list[Line]:
    """Every `eps` and `grpcurl` command that ends; `make` and `eps serve` (tests/workers) have
    tests of their own.

    In console blocks these are the lines behind a `$`, the others show what they print.
    """
    found: list[Line] = []
    for text in blocks(*SHELL):
        console = any(line.startswith("$ ") for line in text.splitlines())
        for line in text.splitlines():
            if console and not line.startswith("$ "):
                continue
            command = line.removeprefix("$ ")
            if "eps serve" in command:
                continue
            if command.split(" ")[0].endswith("eps") or command.startswith("grpcurl "):
                found.append(Line(command))
    return found
