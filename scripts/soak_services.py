"""Get what only `make soak` needs: LiteLLM's proxy, in an environment of its own in .tools/litellm.

Exactly what requirements/litellm.txt names. A second run does nothing. Always ends well: what is
missing skips its tests, and says so.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "litellm.txt"

sys.path.insert(0, str(ROOT))
from tests.support.binaries import LITELLM  # noqa: E402 (the checkout is no package)


def main() -> None:
    """Make the environment, where it is not what the lock says."""
    folder = LITELLM.parent.parent
    stamp = folder / ".lock"
    wanted = "\n".join((hashlib.sha256(LOCK.read_bytes()).hexdigest(), str(ROOT), sys.version))
    if LITELLM.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    count = sum(line[:1].isalnum() for line in LOCK.read_text().splitlines())
    say(f"Installing {count} packages of {LOCK.relative_to(ROOT)} into {folder.relative_to(ROOT)}")
    uv = str(Path(sys.executable).with_name("uv"))
    stamp.unlink(missing_ok=True)
    python = str(folder / "bin" / "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(LOCK)],
    ):
        if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
            say("That failed; uv says why above. The tests that go through the proxy are skipped.")
            return
    stamp.write_text(wanted)


def say(line: str) -> None:
    """One line of progress, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
