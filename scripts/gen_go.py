"""Generate the Go stubs in clients/go/v1, which are committed, from protos/.

It is `buf generate --template clients/go/buf.gen.yaml` with the plugins that `make services`
builds; the clients in TypeScript and Java generate theirs when they are built.

    python scripts/gen_go.py           write the stubs
    python scripts/gen_go.py --check   fail when a fresh generation differs, or a file is stale
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
TARGET = Path("clients/go/v1")
PLUGINS = ("protoc-gen-go", "protoc-gen-go-grpc")


def generate(into: Path) -> dict[str, bytes]:
    """Run buf into a folder; file name to content. Raises SystemExit with what buf said."""
    buf = Path(sys.executable).parent / "buf"
    done = subprocess.run(
        [str(buf), "generate", "--template", "clients/go/buf.gen.yaml", "-o", str(into)],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return _files(into / TARGET)


def differences() -> list[str]:
    """Files of clients/go/v1 that a fresh generation would change, add or remove."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = generate(Path(folder))
    there = _files(ROOT / TARGET)
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main() -> int:
    """Write, or with --check compare. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    missing = [name for name in PLUGINS if not (TOOLS / name).exists()]
    if missing:
        print(f"{TARGET}: left as it is, without {', '.join(missing)} (make services)")
        return 0
    if options.check:
        different = differences()
        for name in different:
            print(f"{TARGET / name} differs from a fresh generation: make gen", file=sys.stderr)
        return 1 if different else 0
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder))
    changed = differences()
    for name in changed:
        if name in made:
            (ROOT / TARGET / name).write_bytes(made[name])
        else:
            (ROOT / TARGET / name).unlink()
    print(f"{TARGET}: {len(made)} files, {len(changed)} changed")
    return 0


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.go")}


if __name__ == "__main__":
    sys.exit(main())
