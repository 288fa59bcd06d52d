"""Messages of a real broker, which is killed and asked for more than it may tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish

from enhanced_prompt_service.sources.broker_address import Broker, NoBroker, parse_broker
from enhanced_prompt_service.sources.mqtt import BrokerRefused, Subscriber
from enhanced_prompt_service.sources.mqtt_messages import Cut, Joined, Message, Taken
from tests.support.identity import Authority
from tests.support.mosquitto import Mosquitto, mosquitto
from tests.support.require import program

PATIENCE_S = 60.0  # an upper bound that a working machine never comes near


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as running:
        yield running


def address(broker: Mosquitto, **more: str) -> Broker:
    return parse_broker(broker.url, "reader", **more)


def tell(broker: Mosquitto, *texts: str, retain: bool = False, qos: int = 1) -> None:
    publish.multiple(
        [("site/events", text, qos, retain) for text in texts],
        hostname="127.0.0.1",
        port=broker.port,
    )


async def until(subscriber: Subscriber, count: int) -> tuple[list[str], list[Taken]]:
    """The first texts, and everything that came with them; none is acknowledged."""
    texts: list[str] = []
    everything: list[Taken] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(texts) < count:
            batch = await subscriber.batch(100, PATIENCE_S)
            everything += batch
            texts += [one.payload.decode() for one in batch if isinstance(one, Message)]
    return texts, everything


async def joined(subscriber: Subscriber) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(isinstance(one, Joined) for one in await subscriber.batch(1, PATIENCE_S)):
            pass


async def test_what_was_not_acknowledged_comes_again_to_the_next_process(broker: Mosquitto) -> None:
    async with Subscriber(address(broker), ["site/events"]) as first:
        await joined(first)
        await asyncio.to_thread(tell, broker, "a", "b", "c")
        texts, batch = await until(first, 3)
        assert texts == ["a", "b", "c"]
        first.done([one for one in batch if isinstance(one, Message) and one.payload == b"a"])
    async with Subscriber(address(broker), ["site/events"]) as second:
        texts, batch = await until(second, 2)
        assert texts == ["b", "c"]
        second.done(batch)
    async with Subscriber(address(broker), ["site/events"]) as third:
        await joined(third)
        await asyncio.to_thread(tell, broker, "d")
        assert (await until(third, 1))[0] == ["d"]


async def test_what_was_published_while_nobody_was_there_is_kept(broker: Mosquitto) -> None:
    async with Subscriber(address(broker), ["site/events"]) as first:
        await joined(first)
    await asyncio.to_thread(tell, broker, "meanwhile")
    async with Subscriber(address(broker), ["site/events"]) as second:
        assert (await until(second, 1))[0] == ["meanwhile"]


async def test_a_killed_broker_is_come_back_to_and_the_cut_is_told(broker: Mosquitto) -> None:
    async with Subscriber(address(broker), ["site/events"]) as subscriber:
        await joined(subscriber)
        await asyncio.to_thread(tell, broker, "before")
        texts, _ = await until(subscriber, 1)  # not acknowledged
        await asyncio.to_thread(broker.save)
        await asyncio.to_thread(broker.kill)
        async with asyncio.timeout(PATIENCE_S):
            assert await subscriber.batch(1, PATIENCE_S) == [Cut()]
        await asyncio.to_thread(broker.start)
        again, everything = await until(subscriber, 1)
        assert texts == again == ["before"]
        subscriber.done(everything)
        await asyncio.to_thread(tell, broker, "after")
        assert (await until(subscriber, 1))[0] == ["after"]


async def test_acknowledging_after_a_reconnection_leaves_other_messages_alone(
    broker: Mosquitto,
) -> None:
    """The numbers of the connection before mean other messages by then."""
    async with Subscriber(address(broker), ["site/events"]) as subscriber:
        await joined(subscriber)
        await asyncio.to_thread(tell, broker, "old")
        _, old = await until(subscriber, 1)
        await asyncio.to_thread(broker.save)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await until(subscriber, 1)
        subscriber.done(old)
    async with Subscriber(address(broker), ["site/events"]) as second:
        assert (await until(second, 1))[0] == ["old"]


async def test_the_broker_holds_back_what_goes_beyond_the_window(broker: Mosquitto) -> None:
    async with Subscriber(address(broker), ["site/events"], window=3) as subscriber:
        await joined(subscriber)
        await asyncio.to_thread(tell, broker, *"abcdefgh")
        texts, batch = await until(subscriber, 3)
        assert texts == ["a", "b", "c"]
        # A message on another connection has been through the broker by now, and no fourth came.
        await asyncio.to_thread(tell, broker, "i")
        assert broker.given("reader", "site/events") == 3
        subscriber.done(batch)
        # (Mosquitto 2.0 lets a few more through than it should once some are acknowledged.)
        assert (await until(subscriber, 6))[0] == list("defghi")


async def test_what_is_retained_says_so(broker: Mosquitto) -> None:
    await asyncio.to_thread(tell, broker, "how it stands", retain=True)
    async with Subscriber(address(broker), ["site/events"]) as subscriber:
        _, batch = await until(subscriber, 1)
    [message] = [one for one in batch if isinstance(one, Message)]
    assert message.retained


async def test_without_anybody_to_take_them_messages_of_qos_0_are_dropped_and_counted(
    broker: Mosquitto,
) -> None:
    three = asyncio.Event()

    def dropped(count: int) -> None:
        if count == 3:
            three.set()

    async with Subscriber(
        address(broker), ["site/events"], most_waiting=2, on_drop=dropped
    ) as subscriber:
        await joined(subscriber)
        await asyncio.to_thread(tell, broker, *"abcde", qos=0)
        async with asyncio.timeout(PATIENCE_S):
            await three.wait()
        await asyncio.to_thread(tell, broker, "last")  # QoS 1: behind them, and never dropped
        texts, _ = await until(subscriber, 3)
        assert (texts, subscriber.dropped) == (["a", "b", "last"], 3)


async def test_a_wrong_password_is_said_and_a_right_one_works(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    maker = program("mosquitto_passwd")
    process = await asyncio.create_subprocess_exec(maker, "-b", passwords, "mia", "secret")
    assert await process.wait() == 0
    with mosquitto(f"allow_anonymous false\npassword_file {passwords}") as guarded:
        url = guarded.url.replace("mqtt://", "mqtt://mia@")
        wrong = parse_broker(url, "reader", password="guess")
        async with Subscriber(wrong, ["site/events"]) as subscriber:
            with pytest.raises(BrokerRefused, match="Not authorized"):
                await subscriber.batch(1, PATIENCE_S)
        right = parse_broker(url, "reader", password="secret")
        async with Subscriber(right, ["site/events"]) as subscriber:
            await joined(subscriber)


# paho leaves the socket of a failed handshake to the garbage collector, which says so.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
async def test_over_tls_only_a_broker_of_the_given_authority_is_believed(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue(tmp_path, "broker")
    ca = authority.file(tmp_path)
    tls = f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}"
    with mosquitto(tls, plain=False) as guarded:
        url = guarded.url.replace("mqtt://", "mqtts://")
        async with Subscriber(parse_broker(url, "reader", ca_file=str(ca)), ["a"]) as subscriber:
            await joined(subscriber)
        other = tmp_path / "other"
        other.mkdir()
        stranger = Authority("somebody else").file(other)
        believing = parse_broker(url, "reader", ca_file=str(stranger))
        async with Subscriber(believing, ["a"]) as subscriber:
            with pytest.raises(BrokerRefused, match="certificate"):
                await subscriber.batch(1, PATIENCE_S)


def test_an_address_says_host_user_and_encryption() -> None:
    assert parse_broker("broker.local", "me") == Broker("broker.local", 1883, "me")
    assert parse_broker("mqtts://ann%40x@[::1]:9", "me", password="p") == Broker(
        "::1", 9, "me", tls=True, username="ann@x", password="p"
    )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("http://broker", "mqtt://"),
        ("mqtt://ann:secret@broker", "no password"),
        ("mqtt://", "a host and a port"),
        ("mqtt://broker/path", "a host and a port"),
        ("mqtt://broker:99999", "out of range"),
    ],
)
def test_an_address_that_is_none_is_refused(bad: str, why: str) -> None:
    with pytest.raises(NoBroker, match=why):
        parse_broker(bad, "me")
