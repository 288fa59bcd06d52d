"""What docker-compose.yml starts, started as processes: the same commands with the same settings.

Only what a container decides is another: addresses, ports and folders. The real PostgreSQL, Redis
and Envoy are this machine's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from gateway.launch import envoy_binary, loopback, prepare
from gateway.places import FOLDER, in_a_container
from tests.support.binaries import ROOT
from tests.support.postgres import PostgresServer, free_port, postgres_server
from tests.support.require import program
from tests.workers.service import until

from .compose import compose, seconds, service
from .test_files import secrets_in

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(300)]

EVENTS = [
    {
        "event_id": f"e-{number}",
        "start_time": f"2026-03-13T10:0{number}:00Z",
        "site": "shop",
        "camera_id": "gate",
        "event_type": "person_detected",
        "label": "person",
    }
    for number in range(3)
]
QUESTION = {"query": "how many people were there on 13 March 2026?"}


@dataclass
class Running:
    """The whole composition. `ports` by what containers call themselves."""

    folder: Path
    ports: dict[str, int]
    postgres: PostgresServer
    servers: list[subprocess.Popen[bytes]]

    @property
    def edge(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def environment(self, replica: int) -> dict[str, str]:
        """A replica's settings as docker-compose.yml has them."""
        given: dict[str, str] = service("server")["environment"]
        there = {
            "/run/secrets": str(self.folder / "secrets"),
            given["EPS_HOME"]: str(self.folder / f"server-{replica}"),
        }
        mapped = {name: self._mapped(value, there) for name, value in given.items()}
        mapped |= {
            "EPS_HOST": "127.0.0.1",
            "EPS_METRICS_HOST": "127.0.0.1",
            "EPS_PORT": str(self.ports[f"server-{replica}"]),
            "EPS_PORT_SEARCH": "0",
        }
        return {**os.environ, **mapped}

    @staticmethod
    def _mapped(value: str, there: dict[str, str]) -> str:
        for inside, outside in there.items():
            value = value.replace(inside, outside)
        return value

    def eps(self, *arguments: str) -> str:
        """A command in the first replica's container."""
        said = subprocess.run(
            [eps(), *arguments],
            env=self.environment(0),
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout


def eps() -> str:
    return str(Path(sys.executable).with_name("eps"))


@contextmanager
def process(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run it until the block is left; it has as long as its container would have."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(45)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def redis_command(running: Running) -> list[str]:
    """Its own command, on a port of this machine."""
    secrets = str(running.folder / "secrets")
    said = [word.replace("/run/secrets", secrets) for word in service("redis")["command"]]
    port = str(running.ports["redis"])
    place = ["--port", port, "--bind", "127.0.0.1", "--dir", str(running.folder)]
    return [str(program("redis-server")), *said[1:], *place]


def point_secrets_here(running: Running) -> None:
    """Names of containers become addresses of this machine."""
    for path in (running.folder / "secrets").iterdir():
        text = path.read_text()
        for name, port in (("postgres", 5432), ("redis", 6379)):
            text = text.replace(f"@{name}:{port}/", f"@127.0.0.1:{running.ports[name]}/")
        path.chmod(0o600)
        path.write_text(text)


def gateway_command(running: Running) -> list[str]:
    """Envoy with the image's configuration, its upstreams and addresses here."""
    options = replace(
        in_a_container(),
        listen=loopback(running.ports["gateway"]),
        admin=loopback(running.ports["admin"]),
        upstreams=tuple(loopback(running.ports[f"server-{replica}"]) for replica in (0, 1)),
    )
    config = prepare(options, running.folder / "gateway")
    said = [word.replace(str(FOLDER), str(config.parent)) for word in service("gateway")["command"]]
    return [str(envoy_binary()), *said]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("composition")
    names = ("gateway", "admin", "redis", "server-0", "server-1")
    ports = {name: free_port() for name in names}
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        environment = service("postgres")["environment"]
        password = (secrets_in(folder) / "postgres_password").read_text().strip()
        # What the image's own start does with its environment.
        user = environment["POSTGRES_USER"]
        postgres.run(f"ALTER ROLE \"{user}\" PASSWORD '{password}'")
        postgres.create(environment["POSTGRES_DB"])
        made = Running(folder, {**ports, "postgres": postgres.port}, postgres, [])
        point_secrets_here(made)
        redis = stack.enter_context(process(redis_command(made), folder / "redis.log"))
        for replica in range(service("server")["deploy"]["replicas"]):
            (folder / f"server-{replica}").mkdir()
            command = [eps(), *service("server")["command"]]
            log = folder / f"server-{replica}.log"
            server = process(command, log, made.environment(replica))
            made.servers.append(stack.enter_context(server))
            record = folder / f"server-{replica}" / "server.json"
            ended = made.servers[-1]
            until(lambda record=record, ended=ended: record.exists() or ended.poll() is not None)
            assert record.exists(), log.read_text()
        edge = stack.enter_context(process(gateway_command(made), folder / "gateway.log"))

        def ready() -> bool:
            assert redis.poll() is None, (folder / "redis.log").read_text()
            assert edge.poll() is None, (folder / "gateway.log").read_text()
            try:
                admin = httpx.get(f"http://127.0.0.1:{ports['admin']}/ready")
            except httpx.TransportError:
                return False
            return admin.status_code == 200

        until(ready)
        yield made


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """Made as docs/deploy.md says."""
    said = running.eps("keys", "create", "desk", "--role", "admin")
    [found] = [word for word in said.split() if word.startswith("eps_")]
    return found


@pytest.fixture(scope="module")
def http(running: Running, key: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=running.edge, headers=headers, timeout=60) as client:
        yield client


def test_a_question_is_answered_through_all_of_it(http: httpx.Client) -> None:
    stored = http.post("/v1/events:batchIngest", json={"events": {"events": EVENTS}})
    assert stored.status_code == 200, stored.text
    assert stored.json()["created"] == "3", stored.text
    answered = http.post("/v1/answer", json=QUESTION)
    assert answered.status_code == 200, answered.text
    response = answered.json()["turn"]["completed"]["response"]
    assert response["total_matches"] == "3" or response["total_matches"] == 3
    with http.stream("POST", "/v1/ask", json=QUESTION) as streamed:
        assert streamed.headers["content-type"] == "text/event-stream"
        assert '"completed"' in streamed.read().decode()


def test_nobody_without_a_key_gets_in(running: Running) -> None:
    refused = httpx.post(f"{running.edge}/v1/answer", json=QUESTION)
    assert refused.status_code == 401


def test_both_replicas_answer(http: httpx.Client) -> None:
    seen: set[str] = set()

    def asked() -> bool:
        with http.stream("POST", "/v1/ask", json=QUESTION) as streamed:
            seen.add(streamed.headers["x-replica"])
        return len(seen) == 2

    until(asked)


def test_the_truth_is_in_postgresql_and_what_is_shared_in_redis(
    running: Running, http: httpx.Client
) -> None:
    health = http.get("/v1/system-health").json()["health"]
    status = {one["name"]: one["status"] for one in health["components"]}
    assert set(status.values()) == {"HEALTH_STATUS_HEALTHY"}, health
    assert not list(running.folder.glob("server-*/*.db"))


def test_the_health_checks_say_that_all_are_well(running: Running) -> None:
    ports = running.ports
    here = {
        "postgres": os.environ | {"PGPORT": str(ports["postgres"]), "PGHOST": "127.0.0.1"},
        "server": running.environment(0),
        "redis": os.environ | {"PATH": f"{program('redis-cli').parent}:{os.environ['PATH']}"},
    }
    for name in compose()["services"]:
        how, *command = service(name)["healthcheck"]["test"]
        if how == "CMD-SHELL":
            command = ["sh", "-c", *command]
        words = [
            word.replace("redis-cli", f"redis-cli -p {ports['redis']}").replace(
                "/9901", f"/{ports['admin']}"
            )
            for word in command
        ]
        if name in ("postgres", "server"):
            words[0] = eps() if name == "server" else str(program(words[0]))
        said = subprocess.run(words, env=here.get(name), capture_output=True, check=False)
        assert said.returncode == 0, (name, said.stdout, said.stderr)


def test_a_replica_that_is_stopped_drains_within_its_time_and_costs_no_answer(
    running: Running, http: httpx.Client
) -> None:
    """The last test: one replica is gone afterwards."""
    server = running.servers[0]
    with http.stream("POST", "/v1/ask", json=QUESTION) as streamed:
        server.send_signal(signal.SIGTERM)
        assert '"completed"' in streamed.read().decode()
    assert server.wait(seconds(service("server")["stop_grace_period"])) == 0
    for _ in range(5):
        assert http.post("/v1/answer", json=QUESTION).status_code == 200
