"""The same gateway on this machine and in a container, but for addresses and folders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from gateway.envoy import configuration
from gateway.launch import loopback, prepare
from gateway.options import Endpoint, GatewayOptions, Tls
from gateway.places import in_a_container, on_this_machine

ORIGINS = ("https://ops.example",)


def bare(config: Any) -> Any:
    """Without what a place alone decides: addresses, folders, and how a name becomes addresses."""
    match config:
        case {"socket_address": _}:
            return "an address"
        case {"type": "STATIC" | "STRICT_DNS" as kind, **rest}:
            return {"type": {"STATIC": "given", "STRICT_DNS": "given"}[kind], **bare(rest)}
        case dict():
            return {key: bare(value) for key, value in config.items()}
        case list():
            return [bare(one) for one in config]
        case str() if re.fullmatch(r"(/[\w.-]+)+", config) and not config.startswith("/enhanced"):
            return config.rpartition("/")[2]
        case _:
            return config


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app" / "assets").mkdir(parents=True)
    (tmp_path / "app" / "index.html").write_text("<p>hello</p>")
    (tmp_path / "app" / "assets" / "main-a1b2c3d4.js").write_text("hello()")
    return tmp_path / "app"


@pytest.mark.parametrize("with_tls", [False, True])
def test_both_places_have_the_same_configuration_but_for_addresses(
    app: Path, tmp_path: Path, with_tls: bool
) -> None:
    tls = Tls(tmp_path / "tls" / "tls.crt", tmp_path / "tls" / "tls.key") if with_tls else None
    here = on_this_machine(
        loopback(8080), (loopback(50051),), loopback(9901), origins=ORIGINS, pages=app, tls=tls
    )
    there = in_a_container(origins=ORIGINS, pages=app, tls=with_tls)
    configs = [
        json.loads(prepare(options, tmp_path / name, at).read_text())
        for name, options, at in (("here", here, None), ("there", there, Path("/etc/envoy/edge")))
    ]
    assert configs[0] != configs[1]
    assert bare(configs[0]) == bare(configs[1])
    names = [sorted(one.name for one in (tmp_path / name).iterdir()) for name in ("here", "there")]
    assert names[0] == names[1]


def test_the_container_keeps_nothing_of_the_machine_that_made_it(app: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert main(["render", "--container", "--pages", str(app), str(made)]) == 0
    assert str(tmp_path) not in (made / "envoy.json").read_text()


def test_envoys_admin_page_is_on_loopback_or_nowhere() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert options(admin=Endpoint(host, 9901)).admin is not None
    for host in ("0.0.0.0", "10.0.0.1", "::"):
        with pytest.raises(ValueError, match="loopback"):
            options(admin=Endpoint(host, 9901))
    for place in (in_a_container(), in_a_container(tls=True)):
        address = configuration(place)["admin"]["address"]["socket_address"]["address"]
        assert address == "127.0.0.1"


def test_a_limit_for_silence_below_the_heartbeat_would_end_streams_that_are_alive() -> None:
    with pytest.raises(ValueError, match="heartbeat"):
        options(idle_s=15)


@pytest.mark.parametrize("origin", ["*", "https://*.example", "ops.example"])
def test_origins_are_exact(origin: str) -> None:
    with pytest.raises(ValueError, match="exact"):
        options(origins=(origin,))


def test_a_certificate_and_its_key_are_watched_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one folder"):
        Tls(tmp_path / "a" / "tls.crt", tmp_path / "b" / "tls.key")


def options(**more: Any) -> GatewayOptions:
    return GatewayOptions(**{"listen": loopback(1), "upstreams": (loopback(2),), **more})
