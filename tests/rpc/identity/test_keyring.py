"""Key sets from an address: over https or from this machine, no redirects, no endless documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from enhanced_prompt_service.rpc.identity import JwksUrl, Keyring
from tests.rpc.kit import Log
from tests.support.identity import jwks, signer


@asynccontextmanager
async def answering(head: str, body: bytes) -> AsyncIterator[str]:
    """A server of one answer; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nconnection: close\r\n\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys.json"


def keyring(url: str) -> tuple[Keyring, Log]:
    log = Log()
    return Keyring(JwksUrl(url), monotonic=time.monotonic, log=log.bound()), log


async def test_keys_come_from_an_address() -> None:
    async with answering("200 OK", jwks(signer("EdDSA"))) as url:
        keys, _ = keyring(url)
        found = await keys.find("EdDSA-1", "EdDSA")
        assert found is not None
        assert keys.holds(found)
        assert await keys.find("EdDSA-1", "ES256") is None


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("404 Not Found", b""),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", b""),
        ("200 OK", b"x" * 1_100_000),
        ("200 OK", b"\xff\xfe"),
        ("nonsense", b""),
    ],
)
async def test_what_is_no_key_set_leaves_no_key(head: str, body: bytes) -> None:
    async with answering(head, body) as url:
        keys, log = keyring(url)
        assert not await keys.refresh()
        assert await keys.find("EdDSA-1", "EdDSA") is None
        assert log.named("token keys can't be loaded")


@pytest.mark.parametrize(
    "url", ["http://issuer.example/keys", "ftp://127.0.0.1/keys", "file:///etc/keys", "keys.json"]
)
def test_keys_that_anybody_in_between_could_change_are_not_fetched(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        JwksUrl(url)
