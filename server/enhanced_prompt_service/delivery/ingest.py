"""The client of an ingest service, and of webhooks: HTTP, one POST a message or batch of insights.

2xx is delivered. 408, 425, 429 and what is not 4xx is tried again, any other 4xx is parked. A 3xx
is never followed: it would carry payload and key to where nobody sent them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from ..domain.outbox import Entry, MessageKind
from . import bodies
from .destinations import Destination, DestinationKind
from .sending import Down, Outcome, Verdict
from .signing import key_bytes, signed_headers
from .tally import Tally

_READ = 64 * 1024  # bytes of an answer that are looked at
_AGAIN = (408, 425, 429)
_ENCODING = "identity"


class IngestSender:
    """`Sender` over HTTP. `now` is real time, UTC."""

    def __init__(
        self,
        destination: Destination,
        transport: Callable[[], httpx.AsyncBaseTransport],
        *,
        now: Callable[[], datetime],
        tally: Tally,
        warn: Callable[[str], None],
        user_agent: str,
    ) -> None:
        self._to = destination
        self._transport = transport
        self._now = now
        self._tally = tally
        self._warn = warn
        self._html = destination.html == "escape"
        self._signing = key_bytes(destination.signature.get_secret_value())
        self._headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": _ENCODING,
            "user-agent": user_agent,
        }
        if key := destination.key.get_secret_value():
            self._headers["authorization"] = f"Bearer {key}"
        self._open: httpx.AsyncBaseTransport | None = None
        self._urls: dict[MessageKind, httpx.URL] = {}
        wait = destination.timeout_s
        timeout = {"connect": wait, "read": wait, "write": wait, "pool": wait}
        self._extensions = {"timeout": timeout}

    async def keep(self) -> None:
        """Nothing: connections come with requests."""

    async def check(self) -> None:
        """Nothing: an answer is an answer."""

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        """One request for all of them."""
        first = entries[0]
        kind = first.message.kind
        if kind is MessageKind.PROACTIVE_INSIGHT:
            body, name = bodies.batch(entries, html=self._html), bodies.batch_id(entries)
        else:
            body, name = bodies.single(first, html=self._html), first.message.key
        if len(body) > self._to.max_bytes and len(entries) == 1:
            reason = f"too large: {len(body)} bytes, and max_bytes is {self._to.max_bytes}"
            return [Outcome(Verdict.PARK, reason)]
        if len(body) > self._to.warn_bytes:
            self._tally.large += 1
            self._warn(f"large: {name} has {len(body)} bytes")
        outcome = await self._post(self._url(kind), name, body)
        return [outcome] * len(entries)

    async def close(self) -> None:
        """Close connections."""
        if self._open is not None:
            transport, self._open = self._open, None
            await transport.aclose()

    def _url(self, kind: MessageKind) -> httpx.URL:
        found = self._urls.get(kind)
        if found is None:
            of_hook = self._to.kind is DestinationKind.WEBHOOK
            base = self._to.url
            url = base if of_hook else base.rstrip("/") + bodies.PATHS[kind]
            found = self._urls[kind] = httpx.URL(url)
        return found

    async def _post(self, url: httpx.URL, name: str, body: bytes) -> Outcome:
        if self._open is None:
            self._open = self._transport()
        headers = {**self._headers, "idempotency-key": name}
        if self._signing:
            headers |= signed_headers(self._signing, name, int(self._now().timestamp()), body)
        # Straight to the transport: a client's cookies, redirects and proxies are not wanted, and
        # cost a third of a request.
        request = httpx.Request(
            "POST", url, headers=headers, content=body, extensions=self._extensions
        )
        try:
            answer = await self._open.handle_async_request(request)
            try:
                said = b""
                assert isinstance(answer.stream, httpx.AsyncByteStream)
                async for part in answer.stream:
                    said += part[: _READ - len(said)]
                    if len(said) >= _READ:
                        break
            finally:
                await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Down(f"no connection: {_why(error)}") from error
        except httpx.TimeoutException:
            return Outcome(Verdict.RETRY, f"no answer within {self._to.timeout_s:g} s")
        except httpx.HTTPError as error:
            return Outcome(Verdict.RETRY, f"the answer was cut: {_why(error)}")
        return self._judged(answer, said)

    def _judged(self, answer: httpx.Response, said: bytes) -> Outcome:
        status = answer.status_code
        if 200 <= status < 300:
            known = _known(said)
            return Outcome(
                Verdict.DELIVERED,
                ingest_id=_text(known.get("ingest_id")),
                received=_text(known.get("timestamp")),
                status=_text(known.get("status")) or "queued",
            )
        reason = f"HTTP {status}"
        if 300 <= status < 400:
            return Outcome(Verdict.RETRY, f"{reason}: redirects are not followed")
        if 400 <= status < 500 and status not in _AGAIN:
            return Outcome(Verdict.PARK, f"{reason}: {_excerpt(said)}".rstrip(": "))
        after = retry_after(answer.headers.get("retry-after", ""), self._now())
        return Outcome(Verdict.RETRY, reason, after_s=after, counts=status >= 500)


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds of a Retry-After header, as a number or an HTTP date; None where it is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def _known(said: bytes) -> dict[str, Any]:
    try:
        found = json.loads(said)
    except ValueError:
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return str(value)[:200] if isinstance(value, str | int | float) else ""


def _excerpt(said: bytes) -> str:
    """What a receiver said of why: printable, short."""
    text = " ".join(said[:300].decode(errors="replace").split())
    return "".join(one for one in text if one.isprintable())[:200]


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
