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
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from .binaries import LITELLM
from .openai_server import OpenAIServer
from .postgres import free_port

START_S = 240.0
UPSTREAM_KEY = "upstream-key-that-nobody-may-see"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy. `key` is what it asks of its clients; `variable` is the name of the
    environment variable in which tests put it."""

    address: str
    key: str
    variable: str = "EPS_TESTS_LITELLM_KEY"

    def link(self, model: str, kind: str = "openai") -> str:
        """A link of a chain."""
        return f"{kind}:{model}@{self.address}#{self.variable}"


@asynccontextmanager
async def litellm_proxy(provider: OpenAIServer, *models: str) -> AsyncIterator[Proxy]:
    """Run the proxy until the block is left; skips where it is not installed.

    Raises RuntimeError with the end of what it said where it does not come up.
    """
    if not LITELLM.exists():
        pytest.skip("LiteLLM's proxy is not here: `make soak` installs it where it can")
    port, key = free_port(), f"sk-{secrets.token_hex(16)}"
    with tempfile.TemporaryDirectory(prefix="eps-litellm-") as home:
        settings, said = Path(home) / "config.yaml", Path(home) / "said"
        settings.write_text(json.dumps(_settings(provider.address, models)))  # YAML as well
        with said.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(str(LITELLM), "--config", str(settings), "--telemetry", "False"),
                *("--host", "127.0.0.1", "--port", str(port)),
                cwd=home,
                env=_environment(home, key),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            if not await _answers(process, port):
                raise RuntimeError(f"LiteLLM's proxy did not start:\n{said.read_text()[-4000:]}")
            yield Proxy(f"http://127.0.0.1:{port}/v1", key)
        finally:
            # At once: asked to end, it would wait for calls that its provider keeps hanging.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


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
