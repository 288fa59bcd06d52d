"""Generate the typed Python stubs in clients/python/enhanced_prompt/v1 from protos/, and the
OpenAPI document of the gateway.

They are committed, so that nobody needs a compiler to use them. Google's own protos are not
generated: their stubs come with googleapis-common-protos and protobuf.

    python scripts/gen.py           write the stubs and gateway/openapi.json
    python scripts/gen.py --check   fail when a fresh generation differs, or a file is stale
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GOOGLE = PROTOS / "third_party"
PACKAGE = Path("enhanced_prompt/v1")
TARGET = ROOT / "clients" / "python" / PACKAGE
OPENAPI = ROOT / "gateway" / "openapi.json"
INIT = '"""Generated from protos/enhanced_prompt/v1 by scripts/gen.py. Do not edit."""\n'


def generate(into: Path) -> dict[str, bytes]:
    """Run protoc with its plugins into a folder; returns file name to content, sorted by name."""
    sources = sorted(
        path.relative_to(PROTOS).as_posix() for path in (PROTOS / PACKAGE).glob("*.proto")
    )
    bin_dir = Path(sys.executable).parent
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={GOOGLE}",
        f"--plugin=protoc-gen-mypy={bin_dir / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={bin_dir / 'protoc-gen-mypy_grpc'}",
        f"--python_out={into}",
        f"--grpc_python_out={into}",
        f"--mypy_out={into}",
        f"--mypy_grpc_out={into}",
        *sources,
    ]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        sys.stderr.write(result.stderr)
        raise SystemExit(result.returncode)
    made = {path.name: path.read_bytes() for path in sorted((into / PACKAGE).iterdir())}
    # A file without a service gets *_pb2_grpc.py(i) with nothing in it: left out.
    for source in sources:
        stem = Path(source).stem
        if "\nservice " not in (PROTOS / source).read_text(encoding="utf-8"):
            made.pop(f"{stem}_pb2_grpc.py", None)
            made.pop(f"{stem}_pb2_grpc.pyi", None)
    made["__init__.py"] = INIT.encode()
    return made


def openapi_document(into: Path) -> bytes:
    """gateway/openapi.json, made anew from the protos and their comments."""
    sys.path.insert(0, str(ROOT))
    from gateway.openapi import openapi

    sources = [path.relative_to(PROTOS).as_posix() for path in (PROTOS / PACKAGE).glob("*.proto")]
    described = into / "contract.pb"
    command = [
        *(sys.executable, "-m", "grpc_tools.protoc"),
        *(f"--proto_path={PROTOS}", f"--proto_path={GOOGLE}"),
        *("--include_imports", "--include_source_info", f"--descriptor_set_out={described}"),
        *sorted(sources),
    ]
    subprocess.run(command, check=True)
    return openapi(described.read_bytes(), PACKAGE.name).encode()


def present() -> dict[str, bytes]:
    """What is committed now."""
    if not TARGET.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in TARGET.iterdir() if path.is_file()}


def main() -> int:
    """Write, or with --check compare. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wanted = generate(Path(folder))
        document = openapi_document(Path(folder))
    there = present()
    different = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    if options.check:
        for name in different:
            state = "is stale" if name not in wanted else "differs from a fresh generation"
            print(f"{(TARGET / name).relative_to(ROOT)} {state}", file=sys.stderr)
        stale = not OPENAPI.exists() or OPENAPI.read_bytes() != document
        if stale:
            print(f"{OPENAPI.relative_to(ROOT)} differs from a fresh generation", file=sys.stderr)
        if different or stale:
            print("run: make gen", file=sys.stderr)
        return 1 if different or stale else 0
    OPENAPI.write_bytes(document)
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in different:
        if name in wanted:
            (TARGET / name).write_bytes(wanted[name])
        else:
            (TARGET / name).unlink()
    print(f"{TARGET.relative_to(ROOT)}: {len(wanted)} files, {len(different)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
