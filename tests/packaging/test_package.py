"""The wheel in an empty environment: the client and `eps`, nothing of the server."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.release import installed, python_packages
from scripts.wheels import WHEELS, closure
from tests.support.binaries import ROOT

OF_OTHERS = {"pydantic"}
"""What the server asks for too, and comes with the plain install because Typer needs it."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The package, without extras, and nothing else."""

    bin: Path
    wheel: Path
    sdist: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, far from the checkout."""
        command = [str(self.bin / words[0]), *words[1:]]
        return subprocess.run(
            command,
            cwd=self.bin.parent,
            env={"PATH": "", "NO_COLOR": "1", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Installed from wheels that `make services` has fetched: no network."""
    if not list(WHEELS.glob("*.whl")):
        pytest.skip("no wheels to install from: `make services` fetches them")
    folder = tmp_path_factory.mktemp("package")
    sdist, wheel = python_packages(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(WHEELS))
        return Installed(installed(wheel, folder / "venv"), wheel, sdist)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!;~ ]", one)[0].lower().replace("_", "-") for one in requirements}


def test_eps_says_its_version_and_how_to_ask(plain: Installed) -> None:
    said = plain.run("eps", "--version")
    assert (said.returncode, said.stdout) == (0, "eps 0.1.0\n")
    helped = plain.run("eps", "ask", "--help")
    assert helped.returncode == 0, helped.stdout
    assert "Usage: eps ask" in helped.stdout


def test_the_client_is_imported_without_anything_of_the_server(plain: Installed) -> None:
    said = plain.run(
        "python",
        "-W",
        "error",
        "-c",
        "import sys, enhanced_prompt; enhanced_prompt.Client(); enhanced_prompt.AsyncClient;"
        "print(*[one for one in sys.modules if one.startswith('enhanced_prompt_service')])",
    )
    assert (said.returncode, said.stdout) == (0, "\n")


def test_only_what_the_plain_install_names_gets_installed(plain: Installed) -> None:
    listed = plain.run("python", "-m", "pip", "list", "--format=freeze", "--no-index")
    found = _names(listed.stdout.splitlines()) - {"pip", "setuptools", "wheel"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert found == _names(list(closure())) | {project["name"]}
    for extra, requirements in project["optional-dependencies"].items():
        assert not found & _names(requirements) - OF_OTHERS, extra


def test_serving_without_the_servers_packages_says_what_to_install(plain: Installed) -> None:
    said = plain.run("eps", "serve")
    assert said.returncode != 0
    assert "enhanced-prompt-service[server]" in said.stdout.replace("\n", "")
    assert "Traceback" not in said.stdout


def test_the_client_says_that_it_is_typed_and_nothing_else_comes_along(plain: Installed) -> None:
    names = zipfile.ZipFile(plain.wheel).namelist()
    assert "enhanced_prompt/py.typed" in names
    assert not [one for one in names if one.startswith(("tests/", "scripts/"))]


def test_the_sdist_builds_the_same_wheel(plain: Installed, tmp_path: Path) -> None:
    shutil.unpack_archive(plain.sdist, tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    _, again = python_packages(tmp_path / "again", source)
    whole, rebuilt = (zipfile.ZipFile(one) for one in (plain.wheel, again))
    assert rebuilt.namelist() == whole.namelist()
    for name in whole.namelist():
        assert rebuilt.read(name) == whole.read(name), name
