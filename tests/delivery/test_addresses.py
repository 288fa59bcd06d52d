"""Where connections go: judged by the address that is connected to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from enhanced_prompt_service.delivery.addresses import (
    ForbiddenAddress,
    addresses_of,
    check_address,
    is_loopback_name,
)
from enhanced_prompt_service.delivery.ingest import IngestSender
from enhanced_prompt_service.delivery.notifier import NotifierSender
from enhanced_prompt_service.delivery.sending import Down
from enhanced_prompt_service.delivery.tally import Tally
from enhanced_prompt_service.delivery.transport import JudgedNetwork, JudgedTransport

from .kit import destination, entry, receiving

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    ("host", "address", "private", "fine"),
    [
        ("a.example", PUBLIC, False, True),
        ("a.example", "2606:2800:220:1:248:1893:25c8:1946", False, True),
        ("a.example", "10.1.2.3", False, False),
        ("a.example", "10.1.2.3", True, True),
        ("a.example", "192.168.0.1", False, False),
        ("a.example", "100.64.0.1", False, False),
        ("a.example", "fd00::1", False, False),
        ("a.example", "fd00::1", True, True),
        ("a.example", "127.0.0.1", True, False),
        ("a.example", "::1", True, False),
        ("localhost", "127.0.0.1", False, True),
        ("127.0.0.2", "127.0.0.2", False, True),
        ("a.example", "169.254.169.254", True, False),
        ("a.example", "fe80::1", True, False),
        ("a.example", "0.0.0.0", True, False),
        ("a.example", "224.0.0.1", True, False),
        ("a.example", "::ffff:10.0.0.1", False, False),
        ("a.example", "::ffff:127.0.0.1", True, False),
        ("a.example", "64:ff9b::a00:1", False, False),
        ("a.example", "64:ff9b::7f00:1", True, False),
        ("a.example", "2002:7f00:1::", True, False),
        ("localhost", "10.0.0.1", False, False),
    ],
)
def test_addresses_are_judged_whatever_they_are_wrapped_in(
    host: str, address: str, private: bool, fine: bool
) -> None:
    if fine:
        check_address(host, address, allow_private=private)
    else:
        with pytest.raises(ForbiddenAddress):
            check_address(host, address, allow_private=private)


def test_only_names_of_this_machine_are_loopback() -> None:
    assert is_loopback_name("LocalHost")
    assert is_loopback_name("127.9.9.9")
    assert not is_loopback_name("localhost.example")
    assert not is_loopback_name("127.0.0.1.example")


async def test_of_several_addresses_only_those_that_may_be_are_used() -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1", PUBLIC]

    assert await addresses_of("a.example", 443, allow_private=False, resolving=both) == [PUBLIC]


async def rebound(host: str, port: int) -> Sequence[str]:
    """A name of somebody's that points to this machine."""
    return ["127.0.0.1"]


async def test_a_name_that_points_to_this_machine_gets_no_request(tmp_path: Path) -> None:
    async with receiving(tmp_path) as there:
        to = destination(url=f"http://a.example:{there.port}", allow_plain=True)
        network = JudgedNetwork(allow_private=True, resolving=rebound)
        sender = IngestSender(
            to,
            lambda: JudgedTransport(network, connections=1),
            now=lambda: datetime.now(UTC),
            tally=Tally(),
            warn=lambda _: None,
            user_agent="test",
        )
        with pytest.raises(Down, match="may not connect"):
            await sender.send([entry(1)])
        await sender.close()
        bell = destination(kind="notifier", url=f"ws://a.example:{there.ws_port}", allow_plain=True)
        notifier = NotifierSender(
            bell,
            now=lambda: datetime.now(UTC),
            tally=Tally(),
            heard=lambda _: None,
            disturbed=lambda: None,
            warn=lambda _: None,
            user_agent="test",
            resolving=rebound,
        )
        with pytest.raises(Down, match="may not connect"):
            await notifier.keep()
        assert there.arrivals() == []


async def test_the_name_stays_in_the_request_when_the_address_is_chosen() -> None:
    seen: list[str] = []

    class Network(JudgedNetwork):
        async def connect_tcp(self, host, port, *more, **named):  # type: ignore[no-untyped-def]
            seen.append(host)
            return await super().connect_tcp(host, port, *more, **named)

    network = Network(allow_private=False, resolving=rebound)
    async with httpx.AsyncClient(transport=JudgedTransport(network, connections=1)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://a.example/")
    assert seen == ["a.example"]
