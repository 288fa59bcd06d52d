"""Every RPC of the contract × everything that a caller may bring.

The matrix is generated: RPCs come from the descriptors, what is expected of each role from the
table that the server itself goes by, and what the table says is held to what is written down here.
An RPC that is new and has no row fails. What belongs to another tenant or another user is the other
half of the matrix: test_others_things.py.
"""

from __future__ import annotations

import contextlib
import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.identity import Role
from enhanced_prompt_service.rpc.access import RULES, rule_of
from enhanced_prompt_service.rpc.server import contract_services
from tests.contract.servers import in_a_thread
from tests.support.identity import (
    AUDIENCE,
    ISSUER,
    SECRET,
    jwks,
    signer,
    some_claims,
    unsigned,
)

METHODS = {
    f"/{service.full_name}/{method.name}": method
    for service in contract_services()
    for method in service.methods
}

WRITERS_ONLY = {  # changes what others see
    "EventService/IngestEvents",
    "EventService/BatchIngestEvents",
    "EventService/IngestCloudEvents",
    "SiteService/PutSite",
    "InsightService/PublishInsight",
}
DESK_ONLY = {
    "InsightService/AcknowledgeInsights",
    "InsightService/MuteInsights",
    "InsightService/CreateStandingQuestion",
    "InsightService/UpdateStandingQuestion",
    "InsightService/DeleteStandingQuestion",
}
NOT_FOR_VIEWERS = {
    "MetricsService/SubscribeMetrics",
    "MetricsService/GetMetrics",
    "CompatService/StreamMetrics",
}
OPEN = {"CompatService/GetChatbotHealth"}


def short(path: str) -> str:
    return path.rpartition(".v1.")[2]


def expected_roles(path: str) -> set[Role]:
    """Who may, as people would say it."""
    name = short(path)
    if name in WRITERS_ONLY:
        return {Role.ADMIN, Role.SERVICE}
    if name in DESK_ONLY:
        return {Role.ADMIN, Role.OPERATOR}
    if name in NOT_FOR_VIEWERS:
        return {Role.ADMIN, Role.OPERATOR, Role.SERVICE}
    return {Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.SERVICE}


def test_every_rpc_of_the_contract_has_a_row_and_no_other() -> None:
    assert set(RULES) == set(METHODS)


def test_an_rpc_without_a_row_is_for_nobody() -> None:
    assert rule_of("/enhanced_prompt.v1.NewService/Anything").roles == frozenset()


@pytest.mark.parametrize("path", METHODS, ids=short)
def test_the_table_says_what_is_meant(path: str) -> None:
    roles = RULES[path].roles
    if short(path) in OPEN:
        assert roles is None
        return
    assert roles is not None
    assert set(roles) - {Role.ANONYMOUS} == expected_roles(path)


def _confused() -> str:
    one = signer("RS256")
    header = {"alg": "HS256", "kid": one.kid}
    text = unsigned(some_claims(), header).rpartition(".")[0]
    return unsigned(some_claims(), header, hmac.digest(one.public_pem, text.encode(), "sha256"))


REFUSED: dict[str, tuple[Callable[[], str | None], str]] = {
    "no token": (lambda: None, "CREDENTIALS_MISSING"),
    "expired": (lambda: signer("RS256").token(exp=1), "CREDENTIALS_EXPIRED"),
    "not yet valid": (
        lambda: signer("RS256").token(nbf=int(time.time()) + 900),
        "CREDENTIALS_INVALID",
    ),
    "wrong audience": (lambda: signer("RS256").token(aud="elsewhere"), "CREDENTIALS_INVALID"),
    "wrong issuer": (lambda: signer("RS256").token(iss="elsewhere"), "CREDENTIALS_INVALID"),
    "wrong key": (lambda: signer("RS256", "stranger").token(), "CREDENTIALS_INVALID"),
    "alg none": (lambda: unsigned(some_claims(), {"alg": "none"}), "CREDENTIALS_INVALID"),
    "HS256 by the public key": (_confused, "CREDENTIALS_INVALID"),
    "HS256 by another secret": (
        lambda: jwt.encode(some_claims(), "x" * 40, algorithm="HS256"),
        "CREDENTIALS_INVALID",
    ),
    "an API key that is none": (lambda: "eps_0123456789ab_" + "0" * 64, "CREDENTIALS_INVALID"),
}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    """A service that takes every kind of token and API keys."""
    folder: Path = tmp_path_factory.mktemp("access")
    (folder / "keys.json").write_bytes(jwks(signer("RS256")))
    settings = Settings.from_environment(
        home=folder,
        port=0,
        metrics_port=None,
        drain_s=0,
        jwt_jwks=str(folder / "keys.json"),
        jwt_secret=SECRET,
        jwt_audience=AUDIENCE,
        jwt_issuer=ISSUER,
        api_keys=True,
    )
    with in_a_thread(settings) as address, grpc.insecure_channel(address) as found:
        yield found


def ended(channel: grpc.Channel, path: str, token: str | None) -> tuple[grpc.StatusCode, str]:
    """Code and reason that a call with an empty message ends with."""
    method = METHODS[path]
    kind = ("stream" if method.client_streaming else "unary") + (
        "_stream" if method.server_streaming else "_unary"
    )
    multi: Any = getattr(channel, kind)(path)
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    given = iter([b""]) if method.client_streaming else b""
    try:
        with contextlib.closing(_stream(multi, given, metadata, method)) as answers:
            for _ in answers:
                return grpc.StatusCode.OK, ""
    except grpc.RpcError as error:
        return error.code(), said(error)
    return grpc.StatusCode.OK, ""


def said(error: Any) -> str:
    """The reason of an error; every one has exactly one."""
    status = rpc_status.from_call(error)  # pyright: ignore
    assert status is not None, error
    info = ErrorInfo()
    assert [one.Unpack(info) for one in status.details].count(True) == 1
    return info.reason


def _stream(multi: Any, given: Any, metadata: Any, method: Any) -> Iterator[Any]:
    found = multi(given, metadata=metadata, timeout=60)
    if method.server_streaming:
        try:
            yield from found
        finally:
            found.cancel()
    else:
        yield found


@pytest.mark.parametrize("name", REFUSED)
def test_no_rpc_is_answered_to_bad_credentials(channel: grpc.Channel, name: str) -> None:
    make, why = REFUSED[name]
    token = make()
    for path in METHODS:
        code, reason = ended(channel, path, token)
        if short(path) in OPEN:
            assert code is not grpc.StatusCode.UNAUTHENTICATED, path
        else:
            assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, why), path


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "service"])
def test_each_role_may_what_it_may_and_no_more(channel: grpc.Channel, role: str) -> None:
    token = signer("RS256").token(role=role)
    denied = grpc.StatusCode.PERMISSION_DENIED
    for path in METHODS:
        code, reason = ended(channel, path, token)
        if short(path) in OPEN or Role(role) in expected_roles(path):
            assert code not in (denied, grpc.StatusCode.UNAUTHENTICATED), path
        else:
            assert (code, reason) == (denied, "PERMISSION_DENIED"), path
