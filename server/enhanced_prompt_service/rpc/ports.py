"""Addresses and ports: which may be listened on, which is free, and how to leave a shared one.

Needs no grpc: a process that only starts workers reserves their ports with it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path


class NoFreePortError(OSError):
    """No port of the range could be bound."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def join_address(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on a port, with SO_REUSEPORT or without."""
    with _socket(host) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError:
            return False
    return True


def reserve(host: str, port: int, search: int) -> socket.socket:
    """Hold the first free port from one on, for workers that share it by SO_REUSEPORT.

    The socket is bound and never listens, so that no connection goes to it; the port stays ours
    while it is open, also when all workers have died. Port 0 means any.

    Raises:
        NoFreePortError: None of `port` to `port + search` is free.
    """
    last = port if port == 0 else min(port + search, 65535)
    for wanted in range(port, last + 1):
        # Asked first: another service that shares its port with its own workers would let us in.
        if wanted and not is_free(host, wanted):
            continue
        held = _socket(host)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind((host.strip("[]"), wanted))
        except OSError:
            held.close()
            continue
        return held
    raise NoFreePortError(f"no free port on {host} from {port} to {last}")


def stop_accepting(port: int) -> bool:
    """Leave a port that is shared by SO_REUSEPORT: its next connections go to the other workers.

    grpc can close its listeners only together with its connections, so the kernel is told:
    shutting down a listening socket takes it out of the port's group, and grpc closes it then.
    Connections that are there go on. Only on Linux; elsewhere, and where nothing listens, False.
    """
    if sys.platform != "linux":
        return False
    found = False
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(Path("/proc/self/fd", name)).startswith("socket:"):
                continue
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # closed meanwhile
            continue
        with copy:
            if _listens(copy, port):
                copy.shutdown(socket.SHUT_RD)
                found = True
    return found


def _listens(one: socket.socket, port: int) -> bool:
    try:
        return (
            one.family in (socket.AF_INET, socket.AF_INET6)
            and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            and one.getsockname()[1] == port
        )
    except OSError:
        return False


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)
