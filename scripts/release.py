"""Build everything that is given out, into dist/, and check each by installing it somewhere empty.

    python scripts/release.py                 all of it
    python scripts/release.py python go       parts by name: python, go, node, java, web

Nothing is uploaded. Installing takes packages as pip, npm and Maven are set up here. Whatever tool
is missing fails the release, since a part that was not built was not checked either.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
CLIENTS = ROOT / "clients"

sys.path.insert(0, str(ROOT))
from tests.support.binaries import find  # noqa: E402 (the checkout is no package)


class ReleaseFailed(Exception):
    """A part could not be built, or not be installed; says what was printed."""


def main() -> int:
    """Build and check the named parts, or all. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    names = parser.parse_args().parts or list(PARTS)
    DIST.mkdir(exist_ok=True)
    try:
        made = [path for name in names for path in PARTS[name](DIST)]
    except ReleaseFailed as failed:
        print(f"FAIL {failed}", file=sys.stderr)
        return 1
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in made]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    for path in made:
        print(f"  {path.relative_to(ROOT)} ({path.stat().st_size:,} bytes)")
    return 0


# ---- Python -------------------------------------------------------------------------------------


def python_packages(into: Path, source: Path = ROOT) -> tuple[Path, Path]:
    """The sdist and the wheel of a checkout or an unpacked sdist."""
    with tempfile.TemporaryDirectory() as folder:
        target = ("-t", "sdist", "-t", "wheel", "-d", folder)
        run(sys.executable, "-m", "hatchling", "build", *target, folder=source)
        [sdist], [wheel] = Path(folder).glob("*.tar.gz"), Path(folder).glob("*.whl")
        return _keep(sdist, into), _keep(wheel, into)


def installed(wheel: Path, folder: Path) -> Path:
    """The `bin` of a new environment that holds a wheel and what it depends on."""
    venv.create(folder, with_pip=True)
    bin_ = folder / "bin"
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    run(str(bin_ / "python"), "-m", "pip", "install", *quiet, str(wheel))
    return bin_


def _python(into: Path) -> list[Path]:
    sdist, wheel = python_packages(into)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.unpack_archive(sdist, folder / "source", filter="data")
        [source] = (folder / "source").iterdir()
        for number, each in enumerate((wheel, python_packages(folder / "again", source)[1])):
            bin_ = installed(each, folder / f"venv-{number}")
            run(str(bin_ / "python"), "-c", "import enhanced_prompt", folder=folder)
            run(str(bin_ / "eps"), "--version", folder=folder)
            run(str(bin_ / "eps"), "ask", "--help", folder=folder)
    return [sdist, wheel]


# ---- other languages ----------------------------------------------------------------------------


def _go(into: Path) -> list[Path]:
    go, source = tool("go"), CLIENTS / "go"
    for words in (("vet", "./..."), ("build", "./...")):
        run(go, *words, folder=source)
    with tempfile.TemporaryDirectory() as name:
        packed = shutil.make_archive(f"{name}/enhanced-prompt-go", "gztar", source.parent, "go")
        kept = _keep(Path(packed), into)
        shutil.unpack_archive(kept, name, filter="data")
        user = Path(name) / "user"
        user.mkdir()
        module = "enhanced-prompt-service/clients/go"
        (user / "main.go").write_text(
            f'package main\n\nimport eps "{module}"\n\n'
            'func main() {\n\tif _, err := eps.Dial("127.0.0.1:1", eps.Options{}); err != nil {\n'
            "\t\tpanic(err)\n\t}\n}\n"
        )
        run(go, "mod", "init", "user", folder=user)
        run(go, "mod", "edit", f"-replace={module}=../go", folder=user)
        run(go, "mod", "tidy", folder=user)
        run(go, "run", ".", folder=user)
    return [kept]


def _node(into: Path) -> list[Path]:
    npm, source = tool("npm"), CLIENTS / "node"
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=source)
    run(npm, "run", "build", folder=source)
    with tempfile.TemporaryDirectory() as name:
        run(npm, "pack", "--pack-destination", name, folder=source)
        [packed] = Path(name).glob("*.tgz")
        kept = _keep(packed, into)
        user = Path(name) / "user"
        user.mkdir()
        (user / "package.json").write_text('{"name": "user", "private": true, "type": "module"}')
        run(npm, "install", "--no-audit", "--no-fund", str(kept), folder=user)
        script = (
            'import { Client } from "enhanced-prompt-client";'
            'import { PromptService } from "enhanced-prompt-client/v1/prompt_service";'
            'if (!PromptService.method.ask) throw new Error("no Ask");'
            'new Client("127.0.0.1:1").close();'
        )
        run(tool("node"), "--input-type=module", "-e", script, folder=user)
    return [kept]


def _java(into: Path) -> list[Path]:
    source = CLIENTS / "java"
    run(tool("mvn"), "-B", "-q", "package", folder=source)
    [jar] = (source / "target").glob("enhanced-prompt-client-*.jar")
    kept = _keep(jar, into)
    with tempfile.TemporaryDirectory() as name:
        path = f"{kept}:{source / 'target' / 'lib'}/*:{name}"
        (Path(name) / "User.java").write_text(
            "public class User { public static void main(String[] words) {\n"
            '  new enhanced_prompt.client.Client("127.0.0.1:1").close();\n} }\n'
        )
        run(tool("javac"), "-cp", path, "-d", name, f"{name}/User.java")
        run(tool("java"), "-cp", path, "User")
    return [kept]


def _web(into: Path) -> list[Path]:
    source = CLIENTS / "web"
    if not (source / "package.json").exists():
        print("  clients/web: not there")
        return []
    npm = tool("npm")
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=source)
    run(npm, "run", "build", folder=source)
    with tempfile.TemporaryDirectory() as name:
        packed = shutil.make_archive(f"{name}/enhanced-prompt-web", "gztar", source, "dist")
        return [_keep(Path(packed), into)]


PARTS: dict[str, Callable[[Path], list[Path]]] = {
    "python": _python,
    "go": _go,
    "node": _node,
    "java": _java,
    "web": _web,
}


def tool(name: str) -> str:
    """The path of a program. Raises ReleaseFailed where there is none."""
    found = find(name)
    if found is None:
        raise ReleaseFailed(f"{name} is not on this machine (make services)")
    return str(found)


def run(*command: str, folder: Path = ROOT) -> str:
    """Run a command; what it printed. Raises ReleaseFailed with that where it does not end well."""
    bin_ = Path(sys.executable).parent
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseFailed(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def _keep(path: Path, into: Path) -> Path:
    into.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(path, into / path.name))


if __name__ == "__main__":
    sys.exit(main())
