"""Copy the google protos that the contract imports into protos/third_party.

They come unchanged from the installed PyPI package googleapis-common-protos, with its licence, so
that clients in any language can be generated from this repository alone.

    python scripts/vendor_protos.py           write protos/third_party
    python scripts/vendor_protos.py --check   fail when it differs from the installed package
"""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from pathlib import Path

PACKAGE = "googleapis-common-protos"
FILES = (
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/httpbody.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)
LICENCE = "LICENSE"
TARGET = Path(__file__).resolve().parent.parent / "protos" / "third_party"


def published() -> dict[str, bytes]:
    """Path below protos/third_party to the content it must have."""
    distribution = metadata.distribution(PACKAGE)
    found = {name: Path(str(distribution.locate_file(name))).read_bytes() for name in FILES}
    for entry in distribution.files or ():
        if entry.name == LICENCE:
            found[LICENCE] = Path(str(entry.locate())).read_bytes()
    if LICENCE not in found:
        raise SystemExit(f"{PACKAGE} ships no {LICENCE} file")
    return found


def vendored() -> dict[str, bytes]:
    """What is in protos/third_party now."""
    return {
        path.relative_to(TARGET).as_posix(): path.read_bytes()
        for path in TARGET.rglob("*")
        if path.is_file()
    }


def main() -> int:
    """Write, or with --check compare. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    wanted, present = published(), vendored()
    different = sorted(
        name for name in {*wanted, *present} if wanted.get(name) != present.get(name)
    )
    if options.check:
        for name in different:
            print(f"protos/third_party/{name} differs from {PACKAGE}", file=sys.stderr)
        if different:
            print("run: python scripts/vendor_protos.py", file=sys.stderr)
        return 1 if different else 0
    for name in different:
        path = TARGET / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[name])
    print(f"protos/third_party: {len(wanted)} files, {len(different)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
