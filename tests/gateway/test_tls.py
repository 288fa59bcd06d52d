"""The certificate of a running gateway changes: new connections see the new one, streams go on."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import httpx
import pytest
from cryptography import x509

from gateway.launch import Gateway
from gateway.options import Tls
from tests.gateway.conftest import gateway_beside
from tests.gateway.upstreams import Upstream, upstream
from tests.support.identity import Authority
from tests.workers.service import until


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tls"
    made.mkdir()
    return made


@pytest.fixture
async def worker() -> AsyncIterator[Upstream]:
    async with upstream() as running:
        yield running


@pytest.fixture
async def edge(
    tmp_path: Path, folder: Path, authority: Authority, worker: Upstream
) -> AsyncIterator[Gateway]:
    certificate, key = authority.issue(folder, "edge")
    tls = Tls(certificate, key)
    async with gateway_beside(tmp_path / "edge", [worker.address], tls=tls) as running:
        yield running


def exchange(authority: Authority, folder: Path, scratch: Path, *, key: bool = True) -> int:
    """Rename a new pair over the old one; the new serial number."""
    scratch.mkdir()
    certificate, private = authority.issue(scratch, "edge")
    if key:
        os.replace(private, folder / private.name)
    serial = x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
    os.replace(certificate, folder / certificate.name)
    return serial


def trusting(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def serial_seen(address: str, authority: Authority) -> int:
    """Of the certificate that a new connection is shown."""
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        trusting(authority).wrap_socket(plain, server_hostname=host) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


async def test_new_connections_see_a_new_certificate_and_streams_that_run_go_on(
    edge: Gateway, worker: Upstream, authority: Authority, folder: Path, tmp_path: Path
) -> None:
    worker.messages = 3
    before = await asyncio.to_thread(serial_seen, edge.address, authority)
    async with (
        httpx.AsyncClient(
            base_url=f"https://{edge.address}", verify=trusting(authority), timeout=30
        ) as client,
        client.stream("POST", "/v1/ask", json={"query": "x"}) as answered,
    ):
        assert answered.headers["strict-transport-security"]
        pieces = answered.aiter_text()
        seen = await anext(pieces)
        after = exchange(authority, folder, tmp_path / "new")
        assert after != before
        await asyncio.to_thread(until, lambda: serial_seen(edge.address, authority) == after)
        worker.go_on.release()
        seen += await anext(pieces)
        worker.go_on.release()
        seen += "".join([piece async for piece in pieces])
    assert seen.count("data:") == 3
    assert edge.alive
    worker.messages = 1
    async with httpx.AsyncClient(
        base_url=f"https://{edge.address}", verify=trusting(authority)
    ) as client:
        assert (await client.get("/v1/cameras")).status_code == 200


async def test_a_certificate_without_its_key_is_not_taken(
    edge: Gateway, authority: Authority, folder: Path, tmp_path: Path
) -> None:
    before = await asyncio.to_thread(serial_seen, edge.address, authority)
    exchange(authority, folder, tmp_path / "half", key=False)
    for _ in range(5):  # it is looked at as soon as it is there
        assert await asyncio.to_thread(serial_seen, edge.address, authority) == before
    whole = exchange(authority, folder, tmp_path / "whole")
    await asyncio.to_thread(until, lambda: serial_seen(edge.address, authority) == whole)


async def test_grpc_comes_through_tls(edge: Gateway, authority: Authority) -> None:
    credentials = grpc.ssl_channel_credentials(authority.certificate)
    async with grpc.aio.secure_channel(edge.address, credentials) as channel:
        listing = channel.unary_unary("/enhanced_prompt.v1.EventService/ListCameras")
        assert await listing(b"") == b""


async def test_old_versions_of_tls_are_refused(edge: Gateway, authority: Authority) -> None:
    host, _, port = edge.address.rpartition(":")
    old = trusting(authority)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")

    def connect() -> None:
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            old.wrap_socket(plain, server_hostname=host)

    with pytest.raises(ssl.SSLError):
        await asyncio.to_thread(connect)
