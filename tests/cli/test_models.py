"""`eps models check`, with a provider of the tests' own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.support.openai_server import OpenAIServer, Turn, openai_server

KEY = "sk-very-secret"


@contextmanager
def provider() -> Iterator[OpenAIServer]:
    """A server in a thread: the command has an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    running = openai_server()
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def check(models: str, **env: str) -> subprocess.CompletedProcess[str]:
    clear = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "models", "check"],
        env=clear | {"EPS_MODELS": models} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_link_is_asked_once_and_what_fails_is_said_without_any_secret() -> None:
    with provider() as server:
        server.script("good", Turn(text="ready"))
        server.script("bad", Turn(status=401))
        links = f"openai:good@{server.address}#MY_KEY,openai:bad@{server.address}#MY_KEY,grounded"
        done = check(links, MY_KEY=KEY)
        assert [one["model"] for one in server.requests] == ["good", "bad"]
        assert set(server.authorizations) == {f"Bearer {KEY}"}
    lines = done.stdout.splitlines()
    assert lines[0].startswith("works   openai:good: first token after ")
    assert "tokens in" in lines[0]
    assert "price unknown" in lines[0]
    assert lines[1] == "fails   openai:bad: 401, the key was not accepted"
    assert lines[2].startswith("works   grounded")
    assert done.returncode == 1
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("anthropic:claude-sonnet-4", "pip install langchain-anthropic"),
        ("bedrock_converse:a.b-v1:0", "pip install langchain-aws"),
        ("openai:gpt-4o-mini", "OPENAI_API_KEY"),
        ("deepseek:deepseek-chat", "DEEPSEEK_API_KEY"),
        ("openai:x@http://127.0.0.1:1/v1#NO_SUCH_KEY", "NO_SUCH_KEY"),
        ("openai:x@http://127.0.0.1:1/v1", "connection failed"),
    ],
)
def test_what_is_missing_is_named_in_one_line(models: str, said: str) -> None:
    done = check(models)
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"fails   {models.split('@')[0]}: ")
    assert said in line
    assert done.returncode == 1


def test_a_broken_list_is_a_usage_error() -> None:
    done = check("gpt-4o")
    assert done.returncode == 2
    assert "EPS_MODELS" in done.stderr
    assert "provider:model" in done.stderr


def test_the_engine_alone_loads_no_provider_package(tmp_path: Path) -> None:
    """Nor does a server without models: this is what `app` imports and builds for it."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from enhanced_prompt_service.app import create_app\n"
        "from enhanced_prompt_service.config import Settings\n"
        "async def main(home):\n"
        "    async with create_app(Settings(home=Path(home), port=0, metrics_port=0, drain_s=0)):\n"
        "        return [one for one in ('langchain', 'langchain_openai', 'langchain_deepseek',\n"
        "                                'openai', 'genai_prices') if one in sys.modules]\n"
        "print(asyncio.run(main(sys.argv[1])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
