"""Generate the typed TypeScript messages in clients/web/src/gen from protos/.

They are committed, so that a checkout can be read without Node; protoc-gen-es comes with the web
app's own packages (`make web`). Google's error details are generated too: the client reads them.

    python scripts/gen_web.py           write the messages
    python scripts/gen_web.py --check   fail when a fresh generation differs, or a file is stale
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "clients" / "web"
TARGET = WEB / "src" / "gen"
PLUGIN = WEB / "node_modules" / ".bin" / "protoc-gen-es"


def generate(into: Path) -> dict[str, bytes]:
    """Run buf with protoc-gen-es into a folder; returns relative file name to content."""
    template = {
        "version": "v2",
        "plugins": [
            {
                "local": PLUGIN.relative_to(ROOT).as_posix(),
                "out": str(into),
                "opt": ["target=ts", "import_extension=none"],
                "include_imports": True,
            }
        ],
    }
    command = [
        str(Path(sys.executable).parent / "buf"),
        "generate",
        *("--template", json.dumps(template)),
        *("--path", "protos/enhanced_prompt"),
        *("--path", "protos/third_party/google/rpc/error_details.proto"),
    ]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if result.returncode:
        sys.stderr.write(result.stderr)
        raise SystemExit(result.returncode)
    return contents(into)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def main() -> int:
    """Write, or with --check compare. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    if not PLUGIN.exists():
        print("clients/web has no packages yet (`make web`): its messages are left as they are")
        return int(options.check)
    with tempfile.TemporaryDirectory() as folder:
        wanted = generate(Path(folder))
    there = contents(TARGET) if TARGET.is_dir() else {}
    different = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    shown = TARGET.relative_to(ROOT)
    if options.check:
        for name in different:
            state = "is stale" if name not in wanted else "differs from a fresh generation"
            print(f"{shown / name} {state}", file=sys.stderr)
        if different:
            print("run: python scripts/gen_web.py", file=sys.stderr)
        return 1 if different else 0
    for name in different:
        path = TARGET / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
        else:
            path.unlink()
    print(f"{shown}: {len(wanted)} files, {len(different)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
