"""Messages of an MQTT broker, acknowledged only once they were dealt with.

The session is kept by the broker (MQTT 5, `session expiry`), and a message of QoS 1 is
acknowledged after what it told is stored: a process that ends, a broker that is killed or a
connection that is cut loses none of them, and what comes twice is a duplicate further on. The
broker holds back what is more than `window` unacknowledged messages, so memory is bounded. QoS 0
has no such thing: beyond `most_waiting` waiting messages new ones are dropped and counted.

paho runs the connection in a thread of its own, which `Subscriber` starts and ends.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .broker_address import Broker
from .mqtt_messages import Cut, Joined, Message, Taken

SESSION_S = 7 * 86_400
"""How long the broker keeps what came while nobody was connected."""
KEEPALIVE_S = 30
_LATER = frozenset({"Server unavailable", "Server busy", "Connection rate exceeded"})


class BrokerRefused(Exception):
    """The broker answered, and it comes to nothing: credentials, rights, version, certificate."""


class Subscriber:
    """Topics of a broker as batches, in the order in which they came, across reconnections.
    `on_away` is told why a connection could not be made; another is tried after up to 30 s.
    `on_drop` is told of each message that is dropped, how many that makes.

    async with Subscriber(broker, ["frigate/events"]) as subscriber:
        batch = await subscriber.batch(500, 1.0)
        ...
        subscriber.done(batch)
    """

    def __init__(
        self,
        broker: Broker,
        topics: Sequence[str],
        *,
        window: int = 500,
        most_waiting: int = 10_000,
        on_away: Callable[[str], object] | None = None,
        on_drop: Callable[[int], object] | None = None,
    ) -> None:
        self._broker = broker
        self._topics = [(topic, 1) for topic in topics]
        self._window = window
        self._most = most_waiting
        self._on_away = on_away
        self._on_drop = on_drop
        self._waiting: deque[Taken] = deque()
        self._something = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._connection = 0
        self._welcome = False
        self._refused: BrokerRefused | None = None
        self._client = self._made()
        self.dropped = 0

    async def __aenter__(self) -> Self:
        """Begin to connect; a broker that is away is waited for in `batch`."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = self._window
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            keepalive=KEEPALIVE_S,
            clean_start=False,
            properties=properties,
        )
        self._client.loop_start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave; the session stays, and with it what was not acknowledged."""
        await asyncio.shield(asyncio.to_thread(self._leave))

    async def batch(self, most: int, within_s: float) -> list[Taken]:
        """What has come since, at least one thing unless nothing came for so long.

        Raises BrokerRefused where the broker never let us in, and says so.
        """
        if not self._waiting and self._refused is None:
            try:
                async with asyncio.timeout(within_s):
                    await self._something.wait()
            except TimeoutError:
                return []
        if self._refused is not None:
            raise self._refused
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if not self._waiting:
            self._something.clear()
        return taken

    def done(self, batch: Sequence[Taken]) -> None:
        """Acknowledge: the broker forgets them. Those of an earlier connection come again, and
        their numbers may mean other messages by now, so they are left alone."""
        for one in batch:
            if isinstance(one, Message) and one.qos and one.connection == self._connection:
                self._client.ack(one.number, one.qos)

    def _made(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        client.reconnect_delay_set(1, 30)
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password or None)
        if self._broker.tls:
            client.tls_set_context(_context(self._broker))  # pyright: ignore[reportUnknownMemberType]
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    # Below: called in paho's thread. What they tell is told on the loop, in their order.

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, more: Properties | None
    ) -> None:
        if code.is_failure:
            self._loop.call_soon_threadsafe(self._unwelcome, str(code))
            return
        self._loop.call_soon_threadsafe(self._connected)
        client.subscribe(self._topics)

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        # paho calls this while it handles the error, and says nothing of it.
        error = sys.exc_info()[1]
        if isinstance(error, ssl.SSLCertVerificationError):
            self._loop.call_soon_threadsafe(self._unwelcome, f"certificate: {error.verify_message}")
        self._loop.call_soon_threadsafe(self._away, str(error or "no answer"))

    def _on_subscribe(
        self, client: Client, _: Any, number: int, codes: list[ReasonCode], more: Properties | None
    ) -> None:
        refused = [str(one) for one in codes if one.is_failure]
        if refused:
            self._loop.call_soon_threadsafe(self._unwelcome, f"subscribing: {refused[0]}")
        else:
            self._loop.call_soon_threadsafe(self._put, Joined())

    def _on_disconnect(
        self,
        client: Client,
        _: Any,
        flags: DisconnectFlags,
        code: ReasonCode,
        more: Properties | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._put, Cut())

    def _on_message(self, client: Client, _: Any, found: MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(
            self._message, found.topic, bytes(found.payload), found.retain, found.qos, found.mid
        )

    # Below: on the loop.

    def _connected(self) -> None:
        self._welcome = True
        self._connection += 1

    def _unwelcome(self, reason: str) -> None:
        if not self._welcome and reason not in _LATER:
            self._refused = BrokerRefused(f"{self._broker}: {reason}")
            self._something.set()

    def _away(self, reason: str) -> None:
        if self._on_away is not None:
            self._on_away(reason)

    def _message(self, topic: str, payload: bytes, retained: bool, qos: int, number: int) -> None:
        if not qos and len(self._waiting) >= self._most:
            self.dropped += 1
            if self._on_drop is not None:
                self._on_drop(self.dropped)
            return
        self._put(Message(topic, payload, retained, qos, number, self._connection))

    def _put(self, one: Taken) -> None:
        self._waiting.append(one)
        self._something.set()


def _context(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca_file or None)
    if broker.certificate_file:
        context.load_cert_chain(broker.certificate_file, broker.key_file or None)
    return context
