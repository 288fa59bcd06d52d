"""LiteLLM's proxy, the real one, between a test's links and its provider.

    async with litellm_proxy(provider, "a", "b") as proxy:
        ... f"openai:a@{proxy.address}#{proxy.variable}"

It runs on loopback, with no database, no retries, no telemetry and no table of prices fetched; of
this machine's environment it sees nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from .binaries import LITELLM
from .openai_server import OpenAIServer
from .postgres import free_port

START_S = 240.0
UPSTREAM_KEY = "upstream-key-that-nobody-may-see"


class Proxy:
    """A proxy that runs, and may be started again.

    Attributes:
        address: Where links point to.
        key: What it asks of its clients.
        variable: Name of the environment variable in which tests put the key.
    """

    variable = "EPS_TESTS_LITELLM_KEY"

    def __init__(self, home: Path, upstream: str, models: tuple[str, ...]) -> None:
        self._home, self._said = home, home / "said"
        self._settings = home / "config.yaml"
        self._settings.write_text(json.dumps(_settings(upstream, models)))  # YAML as well
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.address = f"http://127.0.0.1:{self._port}/v1"
        self.key = f"sk-{secrets.token_hex(16)}"

    def link(self, model: str, kind: str = "openai") -> str:
        """A link of a chain."""
        return f"{kind}:{model}@{self.address}#{self.variable}"

    async def run(self) -> None:
        """Start it where it does not run. Raises RuntimeError where it does not come up."""
        if self._process is not None and self._process.returncode is None:
            return
        with self._said.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(str(LITELLM), "--config", str(self._settings), "--telemetry", "False"),
                *("--host", "127.0.0.1", "--port", str(self._port)),
                cwd=self._home,
                env=_environment(str(self._home), self.key),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if not await _answers(self._process, self._port):
            raise RuntimeError(f"LiteLLM's proxy did not start:\n{self._last_words()}")

    def check(self) -> None:
        """Raises RuntimeError where it has ended by itself: then nothing of a test counts."""
        if self._process is not None and self._process.returncode is not None:
            ended = self._process.returncode
            raise RuntimeError(f"LiteLLM's proxy ended by itself ({ended}):\n{self._last_words()}")

    async def stop(self) -> None:
        """End it at once: asked to, it would wait for calls that its provider keeps hanging."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    def _last_words(self) -> str:
        return self._said.read_text(errors="replace")[-6000:]


@asynccontextmanager
async def litellm_proxy(provider: OpenAIServer, *models: str) -> AsyncIterator[Proxy]:
    """Run the proxy until the block is left; skips where it is not installed.

    Raises RuntimeError with the end of what it said where it does not come up.
    """
    if not LITELLM.exists():
        pytest.skip("LiteLLM's proxy is not here: `make soak` installs it where it can")
    with tempfile.TemporaryDirectory(prefix="eps-litellm-") as home:
        proxy = Proxy(Path(home), provider.address, models)
        try:
            await proxy.run()
            yield proxy
        finally:
            await proxy.stop()


def _settings(upstream: str, models: tuple[str, ...]) -> dict[str, object]:
    one = {"api_base": upstream, "api_key": UPSTREAM_KEY, "max_retries": 0}
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", **one}}
            for name in models
        ],
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def _environment(home: str, key: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": home,
        "TMPDIR": home,
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",  # reads no .env
        "LITELLM_LOG": "ERROR",
        "PYTHONFAULTHANDLER": "1",  # its native parts have been seen to crash: then it says where
    }


async def _answers(process: asyncio.subprocess.Process, port: int) -> bool:
    """Whether it came up, in time."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while process.returncode is None:
                    with suppress(httpx.HTTPError):
                        await client.get(f"http://127.0.0.1:{port}/health/liveliness")
                        return True
                    await asyncio.sleep(0.1)
    return False
