"""A receiver of deliveries in a process of its own, which fails on plan.

    python -m tests.support.receiver LOG PLAN

PLAN is JSON (`Plan`). It prints `LISTENING <port>`: HTTP and WebSocket on one port, loopback. Each
message that it has read whole is a line of LOG, a JSON object, before it is answered.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, TextIO

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass(frozen=True)
class Plan:
    """How it fails. Shares are of requests, or of notifications; times are seconds.

    Attributes:
        seed: Of its dice.
        hang: Share of requests that get no answer for `hang_s`.
        cut: Share whose answer is cut in its body.
        busy: Share that get 429 with `Retry-After: 1`.
        storms: Every so many seconds half a second of 500s; 0 for never.
        slow: Share that take `slow_s`.
        refuse: Every so many seconds the port is closed for a while; 0 for never.
        close: Share of notifications after which the connection is torn down.
        late: Share of acknowledgements that come late; likewise `twice`.
        never: Share of keys whose first two arrivals are not acknowledged.
        bodies: Whether the log has bodies and headers.
        poison: What a message that is refused for good (422, or an error) has in it.
    """

    seed: int = 1
    hang: float = 0
    hang_s: float = 3.0
    cut: float = 0
    busy: float = 0
    storms: float = 0
    slow: float = 0
    slow_s: float = 0.1
    refuse: float = 0
    close: float = 0
    late: float = 0
    twice: float = 0
    never: float = 0
    bodies: bool = True
    poison: str = "poison"

    def text(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


class Receiver:
    """Two servers, a log and dice."""

    def __init__(self, plan: Plan, log: TextIO) -> None:
        self._plan = plan
        self._log = log
        self._dice = random.Random(plan.seed)
        self._arrivals: dict[str, int] = {}
        self._began = time.monotonic()
        self._late: set[asyncio.Task[None]] = set()

    def _note(self, via: str, keys: list[str], **more: Any) -> None:
        if not self._plan.bodies:
            more = {"status": more["status"]}
        line = {"at": time.time_ns() // 1000, "via": via, "keys": keys, **more}
        self._log.write(json.dumps(line) + "\n")
        self._log.flush()

    def _storm(self) -> bool:
        every = self._plan.storms
        return bool(every) and (time.monotonic() - self._began) % every < 0.5

    # ---- HTTP ----

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection."""
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        path = head[0].split()[1]
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        document = json.loads(body)
        keys = document.get("keys") or [headers["idempotency-key"]]
        status, after, cut = await self._decide(body.decode())
        self._note(path, keys, status=status, body=document, headers=headers)
        if status == 0:
            await asyncio.sleep(self._plan.hang_s)
            return False
        said = json.dumps(
            {"ingest_id": f"ing-{keys[0]}", "timestamp": "2026-01-01T00:00:00Z", "status": "queued"}
        ).encode()
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-length: {len(said)}"]
        if after:
            lines.append("retry-after: 1")
        answer = "\r\n".join([*lines, "content-type: application/json", "", ""]).encode()
        if cut:
            writer.write(answer + said[:5])
            await writer.drain()
            transport: Any = writer.transport
            transport.abort()
            return False
        writer.write(answer + said)
        await writer.drain()
        return True

    async def _decide(self, text: str) -> tuple[int, bool, bool]:
        """The status (0 hangs), whether Retry-After goes with it, whether the body is cut."""
        plan, dice = self._plan, self._dice.random()
        if plan.poison in text:
            return 422, False, False
        if self._storm():
            return 500, False, False
        for share, what in (
            (plan.hang, (0, False, False)),
            (plan.busy, (429, True, False)),
            (plan.cut, (200, False, True)),
        ):
            if dice < share:
                return what
            dice -= share
        if dice < plan.slow:
            await asyncio.sleep(plan.slow_s)
        return 200, False, False

    # ---- WebSocket ----

    async def socket(self, socket: ServerConnection) -> None:
        """One connection, until it is closed in whatever way."""
        with suppress(ConnectionClosed):
            await self._notifications(socket)

    async def _notifications(self, socket: ServerConnection) -> None:
        plan = self._plan
        assert socket.request is not None
        authorization = socket.request.headers.get("authorization", "")
        async for text in socket:
            said = json.loads(text)
            about = said["metadata"]
            name, key = about["notification_id"], about["idempotency_key"]
            count = self._arrivals[key] = self._arrivals.get(key, 0) + 1
            poisoned = plan.poison in str(text)
            self._note("ws", [key], body=said, status=422 if poisoned else 200, key=authorization)
            if poisoned:
                error = {"type": "error", "notification_id": name, "error": "poisoned"}
                await socket.send(json.dumps(error))
            elif about.get("requires_acknowledgment"):
                await self._acknowledge(socket, name, key, count)
            if self._dice.random() < plan.close:
                socket.transport.abort()
                return

    async def _acknowledge(self, socket: ServerConnection, name: str, key: str, count: int) -> None:
        plan = self._plan
        if random.Random(key).random() < plan.never and count <= 2:
            return
        text = json.dumps({"type": "acknowledgment", "notification_id": name})
        if self._dice.random() < plan.late:
            task = asyncio.create_task(self._send_late(socket, text))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return
        await socket.send(text)
        if self._dice.random() < plan.twice:
            await socket.send(text)

    async def _send_late(self, socket: ServerConnection, text: str) -> None:
        await asyncio.sleep(0.3)
        try:
            await socket.send(text)
        except ConnectionClosed:
            return

    # ---- both ----

    async def run(self) -> None:
        """Serve for ever, with pauses where the plan has them. Ports stay the same."""
        web = sock = 0
        first = True
        while True:
            http = await asyncio.start_server(self.http, "127.0.0.1", web, limit=2**24)
            web = http.sockets[0].getsockname()[1]
            server = await serve(self.socket, "127.0.0.1", sock, max_queue=64)
            sock = next(iter(server.sockets)).getsockname()[1]
            if first:
                print(f"LISTENING {web} {sock}", flush=True)
                first = False
            await asyncio.sleep(self._plan.refuse or 1e9)
            http.close()
            server.close(close_connections=True)
            await asyncio.sleep(0.5)


def main() -> None:
    """See the module."""
    path, plan = sys.argv[1], Plan(**json.loads(sys.argv[2]))
    with open(path, "a") as log:
        asyncio.run(Receiver(plan, log).run())


if __name__ == "__main__":
    main()
