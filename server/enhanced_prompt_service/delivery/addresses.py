"""Where we may connect to: judged by the address that is connected to, when it is.

A name is resolved here, each address is judged, and the connection is made to one that passed, so
that a name which resolves to something else a moment later changes nothing. TLS still proves the
name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses, the best first. Raises OSError."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")


class ForbiddenAddress(OSError):
    """The address is one that this destination may not have."""


def is_loopback_name(host: str) -> bool:
    """Whether a host is written as this machine itself: `localhost`, 127.x.x.x or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(host: str, address: str, *, allow_private: bool) -> None:
    """Raises ForbiddenAddress.

    Loopback only where the host is written so; private networks only where they are allowed;
    link-local, multicast, reserved and unspecified addresses never (the metadata service of
    clouds is link-local). IPv4 inside of IPv6 is judged as IPv4.
    """
    found = _inner(ipaddress.ip_address(address.partition("%")[0]))
    if found.is_loopback:
        allowed = is_loopback_name(host)
    elif found.is_multicast or found.is_link_local or found.is_unspecified or found.is_reserved:
        allowed = False
    else:
        allowed = found.is_global or allow_private
    if not allowed:
        raise ForbiddenAddress(f"{host} is at {found}, where this destination may not connect to")


def _inner(found: Address) -> Address:
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found in _NAT64:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if found in _SIX_TO_FOUR:
            return ipaddress.IPv4Address(int(found) >> 80 & 0xFFFFFFFF)
    return found


async def resolve(host: str, port: int) -> list[str]:
    """Addresses as the system resolves them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no name of a host") from error
    return [str(one[4][0]) for one in found]


async def addresses_of(
    host: str, port: int, *, allow_private: bool, resolving: Resolve = resolve
) -> list[str]:
    """Addresses of a host that may be connected to.

    Raises ForbiddenAddress where none may be, OSError where the name is not known.
    """
    allowed: list[str] = []
    refused: ForbiddenAddress | None = None
    for one in await resolving(host, port):
        try:
            check_address(host, one, allow_private=allow_private)
        except ForbiddenAddress as error:
            refused = error
        else:
            allowed.append(one)
    if not allowed:
        raise refused or OSError(f"{host} has no address")
    return allowed
