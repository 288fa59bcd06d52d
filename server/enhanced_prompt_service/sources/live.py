"""A source that never ends: from a broker to a sink, acknowledging what is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn, Protocol

from .broker_address import Broker
from .mqtt import Subscriber
from .mqtt_messages import Joined, Taken
from .progress import OnProgress, Progress, silent

BATCH = 500
TICK_S = 30.0
"""How often a source is asked with nothing to take: what holds still is told then."""


class Taker(Protocol):
    """What becomes of messages: when `take` has returned, what they tell is stored."""

    progress: Progress

    async def take(self, batch: Sequence[Taken], /) -> None:
        """Deal with a batch; an empty one says that time has passed."""
        ...


async def run_live(
    broker: Broker,
    topics: Sequence[str],
    taker: Taker,
    *,
    tick_s: float = TICK_S,
    on_joined: Callable[[], Awaitable[object]] | None = None,
    on_away: Callable[[str], object] | None = None,
    on_drop: Callable[[int], object] | None = None,
    on_progress: OnProgress = silent,
) -> NoReturn:
    """Take messages until cancelled. Raises BrokerRefused, and what the taker raises.

    `on_joined` is called each time that the broker has us: to catch up with what it could not keep;
    `on_away` each time that it can't be reached, with the reason; `on_drop` with how many messages
    of QoS 0 found no room.
    """
    async with Subscriber(broker, topics, on_away=on_away, on_drop=on_drop) as subscriber:
        while True:
            batch = await subscriber.batch(BATCH, tick_s)
            await taker.take(batch)
            subscriber.done(batch)
            on_progress(taker.progress)
            if on_joined is not None and any(isinstance(one, Joined) for one in batch):
                await on_joined()
