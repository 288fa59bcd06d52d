"""Clip links of the simulated site, followed from an answer to the picture through a real Envoy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import jsonschema
import pytest
from jsonschema import FormatChecker

from enhanced_prompt_service.config import Settings
from gateway.launch import Gateway
from tests.contract.servers import in_a_thread
from tests.gateway.conftest import gateway_to
from tests.gateway.seeds import PROMPT_RESPONSE
from tests.support.identity import AUDIENCE, ISSUER, SECRET, jwks, signer

QUESTION = {"query": "what happened at the loading dock yesterday?"}
EPS = Path(sys.executable).with_name("eps")


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of a service that holds a week of the simulated site."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, port=0, metrics_port=None, drain_s=0, insights=False)
    with (
        in_a_thread(settings) as address,
        gateway_to(tmp_path_factory.mktemp("edge"), [address]) as running,
    ):
        simulate(home, address, "--public-url", f"http://{running.address}/")
        yield running


def simulate(home: Path, address: str, *more: str, token: str = "") -> None:
    subprocess.run(
        [str(EPS), "simulate", "--server", address, "--once", "--weeks", "1", *more],
        check=True,
        capture_output=True,
        env={"EPS_HOME": str(home), "EPS_TOKEN": token},
    )


@pytest.fixture(scope="module")
def http(edge: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{edge.address}", timeout=60) as client:
        yield client


def answered(http: httpx.Client) -> Any:
    answer = http.post("/v1/answer", json=QUESTION).json()
    return answer["turn"]["completed"]["response"]


def test_a_clip_link_of_an_answer_opens_a_picture_of_its_event(http: httpx.Client) -> None:
    response = answered(http)
    assert response["clip_links"]
    for shown in response["evidence"]:
        assert shown["clip_url"] in response["clip_links"]
        opened = httpx.get(shown["clip_url"])  # as it is, in a new tab
        assert opened.status_code == 200
        assert opened.headers["content-type"] == "image/svg+xml"
        words = " ".join(fromstring(opened.content).itertext())  # noqa: S314 - drawn by us
        for part in ("SIMULATION", "Loading Dock", shown["label"], shown["description"][:40]):
            assert part in words


def test_a_picture_can_do_nothing_in_a_browser(http: httpx.Client) -> None:
    opened = http.get(answered(http)["clip_links"][0])
    policy = opened.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert opened.headers["x-content-type-options"] == "nosniff"


def test_dashboards_show_the_links_too(http: httpx.Client) -> None:
    answered(http)
    found = http.get("/api/v1/dashboard/prompt-responses").json()
    assert found[0]["clip_links"]
    jsonschema.validate(found[0], PROMPT_RESPONSE, format_checker=FormatChecker())


def test_an_event_that_is_not_there_has_no_clip(http: httpx.Client) -> None:
    assert http.get("/v1/events/none/clip").status_code == 404


def test_where_callers_are_asked_who_they_are_a_link_needs_a_token_that_may_see_the_camera(
    tmp_path: Path,
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_bytes(jwks(signer("RS256")))
    settings = Settings(
        home=tmp_path / "home",
        port=0,
        metrics_port=None,
        drain_s=0,
        insights=False,
        jwt_jwks=str(keys),
        jwt_secret=SECRET,
        jwt_audience=AUDIENCE,
        jwt_issuer=ISSUER,
    )
    with (
        in_a_thread(settings) as address,
        gateway_to(tmp_path / "edge", [address]) as running,
        httpx.Client(base_url=f"http://{running.address}", timeout=60) as client,
    ):
        feeder = signer("RS256").token(role="service")
        simulate(
            tmp_path / "feeder", address, "--public-url", f"http://{running.address}", token=feeder
        )

        def bearing(**claims: Any) -> dict[str, str]:
            return {"authorization": f"Bearer {signer('RS256').token(**claims)}"}

        answer = client.post("/v1/answer", json=QUESTION, headers=bearing()).json()
        link = answer["turn"]["completed"]["response"]["clip_links"][0]
        assert client.get(link).status_code == 401
        assert client.get(link, headers=bearing()).status_code == 200
        assert client.get(link, headers=bearing(cameras=["cam-03"])).status_code == 200
        assert client.get(link, headers=bearing(cameras=["cam-01"])).status_code == 404
        assert client.get(link, headers=bearing(tenant="other")).status_code == 404
