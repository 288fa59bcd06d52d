"""The client of a notifier: one WebSocket, kept open.

Frames are taken in their order, so the pong that answers a ping says that the messages before it
have reached the receiver's library: one round trip for all of them. They may still be lost there,
in the buffer of a program that ends; so they count as delivered only when the connection answers
some time after they went out (`check`). What has to be acknowledged by people or programs is
confirmed by the receiver's own `acknowledgment`, which may come at any time, also on a later
connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from ..domain.outbox import Acknowledged, Entry
from .addresses import Resolve, addresses_of, resolve
from .bodies import payload
from .destinations import Destination
from .sending import Down, Outcome, Verdict
from .tally import Tally

_MOST_HEARD = 64 * 1024  # bytes of a message of the receiver
_CLOSE_S = 1.0
_quiet = logging.getLogger("enhanced_prompt_service.delivery.websockets")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class NotifierSender:
    """`Sender` over a WebSocket. `heard` gets acknowledgements and refusals, `disturbed` is called
    when the connection is gone."""

    def __init__(
        self,
        destination: Destination,
        *,
        now: Callable[[], datetime],
        tally: Tally,
        heard: Callable[[Acknowledged], None],
        disturbed: Callable[[], None],
        warn: Callable[[str], None],
        user_agent: str,
        resolving: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._to = destination
        self._now = now
        self._tally = tally
        self._heard = heard
        self._disturbed = disturbed
        self._warn = warn
        self._user_agent = user_agent
        self._resolving = resolving
        self._ssl_context = ssl_context
        self._html = destination.html == "escape"
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lost = ""

    async def keep(self) -> None:
        """Have a connection. Raises Down, once for each that was lost as well."""
        if self._socket is not None and self._reading is not None and not self._reading.done():
            return
        if self._socket is not None:
            await self.close()
            raise Down(self._lost or "the connection was closed")
        self._socket = await self._connected()
        self._reading = asyncio.create_task(self._read(self._socket), name="notifier's messages")

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        """All of them in order; whether they have arrived says `check`."""
        if self._socket is None:
            raise Down(self._lost or "not connected")
        socket = self._socket
        try:
            for one in entries:
                text = payload(one, html=self._html)
                size = len(text)
                if size > self._to.warn_bytes:
                    self._tally.large += 1
                    self._warn(f"large: {one.message.key} has {size} characters")
                await socket.send(text)
        except ConnectionClosed as error:
            raise Down(f"the connection was closed: {_closing(error)}") from error
        return [self._outcome(one) for one in entries]

    async def check(self) -> None:
        """Raises Down where the connection is gone."""
        if self._socket is None:
            raise Down(self._lost or "not connected")
        try:
            await self._ping(self._socket)
        except ConnectionClosed as error:
            raise Down(f"the connection was closed: {_closing(error)}") from error

    async def _ping(self, socket: ClientConnection) -> None:
        pong = await socket.ping()
        try:
            async with asyncio.timeout(self._to.pong_s):
                await pong
        except TimeoutError as error:
            await self.close()
            raise Down(f"no pong within {self._to.pong_s:g} s") from error

    async def close(self) -> None:
        """Close the connection."""
        socket, self._socket = self._socket, None
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})
        if socket is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await socket.close()
            socket.transport.abort()

    def _outcome(self, entry: Entry) -> Outcome:
        verdict = Verdict.SENT if entry.message.acknowledged else Verdict.DELIVERED
        return Outcome(verdict, status="sent")

    async def _connected(self) -> ClientConnection:
        to = self._to
        parts = urlsplit(to.url)
        host = parts.hostname or ""
        secure = parts.scheme == "wss"
        port = parts.port or (443 if secure else 80)
        options: dict[str, Any] = {}
        if secure:  # made once: reading all authorities takes a while
            self._ssl_context = self._ssl_context or ssl.create_default_context()
            options["ssl"] = self._ssl_context
        try:
            addresses = await addresses_of(
                host, port, allow_private=to.allow_private, resolving=self._resolving
            )
            for number, address in enumerate(addresses, 1):
                try:
                    # The name stays in the Host header, and is what a certificate has to prove.
                    return await _NoRedirects(
                        to.url,
                        host=address,
                        port=port,
                        proxy=None,
                        additional_headers={"Authorization": f"Bearer {to.key.get_secret_value()}"},
                        user_agent_header=self._user_agent,
                        open_timeout=to.timeout_s,
                        ping_interval=to.ping_s,
                        ping_timeout=to.pong_s,
                        close_timeout=_CLOSE_S,
                        max_size=_MOST_HEARD,
                        compression=None,
                        logger=_quiet,
                        **options,
                    )
                except OSError:
                    if number == len(addresses):
                        raise
        except InvalidStatus as error:
            raise Down(f"no connection: HTTP {error.response.status_code}") from error
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise Down(f"no connection: {error or type(error).__name__}") from error
        raise Down("no connection: no address")

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                self._understand(text)
            self._lost = "the connection was closed"
        except ConnectionClosed as error:
            self._lost = f"the connection was closed: {_closing(error)}"
        finally:
            self._disturbed()

    def _understand(self, text: str | bytes) -> None:
        """`acknowledgment`, `status` or `error`, as the seeds have them; anything else is noise."""
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            self._warn("said something that is not JSON")
            return
        said = cast(dict[str, Any], found) if isinstance(found, dict) else {}
        name = said.get("notification_id")
        match said.get("type"):
            case "acknowledgment" if isinstance(name, str):
                self._heard(Acknowledged(name, self._now()))
            case "status":
                self._tally.last_status = _short(said.get("status"))
            case "error":
                reason = f"the receiver refused it: {_short(said.get('error'))}"
                if isinstance(name, str):
                    self._heard(Acknowledged(name, self._now(), refused=reason))
                else:
                    self._tally.last_status = f"error: {_short(said.get('error'))}"
                    self._warn(f"said: {self._tally.last_status}")
            case _:
                pass


class _NoRedirects(connect):
    """Connects where it was told to, or not at all."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _closing(error: ConnectionClosed) -> str:
    received = error.rcvd
    return "without a word" if received is None else f"{received.code} {received.reason}".strip()


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return "".join(one for one in text if one.isprintable())[:200]
