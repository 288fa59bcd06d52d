"""The lines of docs/clients.md give a streamed answer, as they stand there."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.binaries import ROOT
from tests.support.require import program
from tests.support.workers import Worker, workers

from .languages import BUILT, CLIENTS, LANGUAGES

DOC = ROOT / "docs" / "clients.md"
SECTION = re.compile(r"^### (.+?)\n(.*?)(?=^###? )", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANSWER = "No events"  # there is nothing in the service
LONGEST = 10  # lines


def shown(heading: str, address: str) -> str:
    """The first block of a section, for a server elsewhere."""
    sections = dict(SECTION.findall(DOC.read_text(encoding="utf-8")))
    found = BLOCK.search(next(text for name, text in sections.items() if name.startswith(heading)))
    assert found is not None
    return found.group(1).replace("127.0.0.1:50051", address)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    """The service as it is, with nothing in it."""
    url = f"sqlite:///{tmp_path / 'eps.db'}"
    module = "tests.clients_other.plain"
    async with workers(tmp_path, 1, database_url=url, redis_url="", module=module) as (one,):
        yield one


async def said(*command: str | Path, folder: Path) -> str:
    """What a program prints. Fails the test where it does not end well."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, failed = await process.communicate()
    assert process.returncode == 0, failed.decode()
    return out.decode()


async def test_every_language_comes_to_a_streamed_answer_in_ten_lines(
    worker: Worker, tmp_path: Path
) -> None:
    ways = {
        "Python": python,
        "Go": go,
        "TypeScript": node,
        "Java": java,
        "grpcurl": grpcurl,
    }
    for heading, way in ways.items():
        lines = shown(heading, worker.address)
        assert len(lines.splitlines()) <= LONGEST, heading
        assert ANSWER in await way(lines, tmp_path), heading


async def python(lines: str, folder: Path) -> str:
    """As it is."""
    return await said(sys.executable, "-c", lines, folder=folder)


async def go(lines: str, folder: Path) -> str:
    """Inside main, in a module that takes ours from its folder."""
    LANGUAGES["Go"]()
    user = BUILT / "user"
    user.mkdir(parents=True, exist_ok=True)
    module = "enhanced-prompt-service/clients/go"
    (user / "main.go").write_text(
        'package main\n\nimport (\n\t"context"\n\t"fmt"\n\t"log"\n\n'
        f'\tenhancedprompt "{module}"\n\tpb "{module}/v1"\n)\n\nfunc main() {{\n{lines}}}\n'
    )
    (user / "go.mod").write_text((CLIENTS / "go" / "go.mod").read_text().replace(module, "user"))
    (user / "go.sum").write_bytes((CLIENTS / "go" / "go.sum").read_bytes())
    edit = ("mod", "edit", f"-require={module}@v0.0.0", f"-replace={module}={CLIENTS / 'go'}")
    await said(program("go"), *edit, folder=user)
    return await said(program("go"), "run", "-mod=mod", ".", folder=user)


async def node(lines: str, folder: Path) -> str:
    """As it is: the package knows itself by its name."""
    LANGUAGES["Node"]()
    script = CLIENTS / "node" / "dist" / "shown.mjs"
    script.write_text(lines)
    return await said(program("node"), script, folder=folder)


async def java(lines: str, folder: Path) -> str:
    """Inside main."""
    LANGUAGES["Java"]()
    (folder / "Shown.java").write_text(
        "import enhanced_prompt.client.*;\n"
        "import enhanced_prompt.v1.PromptServiceOuterClass.AskRequest;\n"
        "import enhanced_prompt.v1.Turns.TurnFrame;\n"
        f"public class Shown {{ public static void main(String[] words) {{\n{lines}}} }}\n"
    )
    target = CLIENTS / "java" / "target"
    jars = f"{target}/enhanced-prompt-client-0.1.0.jar:{target}/lib/*"
    return await said(program("java"), "-cp", jars, folder / "Shown.java", folder=folder)


async def grpcurl(lines: str, folder: Path) -> str:
    """As it is."""
    program("grpcurl")
    return await said(
        "sh", "-c", lines.replace("grpcurl", str(program("grpcurl")), 1), folder=folder
    )
