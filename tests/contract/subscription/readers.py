"""Publishers and subscribers of the conformance test, and what must be true of them.

A subscriber keeps, in one commit, what it was told and the token that came with it; at random it
goes away, sometimes after it was told and before it committed. Whatever happens to servers and
connections, what it committed has to be the log: each entry once, in order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from enhanced_prompt_service.domain.insights import (
    InsightDraft,
    InsightFilter,
    InsightType,
    Revision,
    Severity,
)
from enhanced_prompt_service.domain.times import Interval

PUBLISHERS = 10
SUBSCRIBERS = 20
END = "the end"
WINDOW = Interval(datetime(2018, 3, 15, 12, tzinfo=UTC), datetime(2018, 3, 15, 13, tzinfo=UTC))
FAR = datetime(2190, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """One entry as a subscriber sees it."""

    position: int
    key: str
    revision: int
    token: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscriber asks for."""

    min_severity: Severity = Severity.LOW
    first: bool = False

    def of(self, log: Iterable[Revision]) -> list[int]:
        """Positions that it must be told, worked out with a memory of everything."""
        chosen = InsightFilter(min_severity=self.min_severity)
        found: list[int] = []
        known: set[str] = set()
        for one in log:
            if not chosen.passes(one) or (self.first and one.insight.insight_id in known):
                continue
            known.add(one.insight.insight_id)
            found.append(one.position)
        return found


Attach = Callable[[Wanted, str], AsyncGenerator[Told, None]]
"""A stream from a token on, "" for the beginning of the log. May end at any time, or raise Cut."""
Publish = Callable[[InsightDraft, str], Awaitable[None]]
"""Stores a draft, once, whatever it takes; the second argument is its request_id."""


class Missed(AssertionError):
    """A subscriber was told something else than what the log holds for it."""


class Cut(Exception):
    """A stream ended in a way that says nothing about the log."""


def draft(key: str, severity: Severity, note: str) -> InsightDraft:
    """An insight; a note that was not there before lets it grow."""
    return InsightDraft(
        type=InsightType.ACTIVITY_SPIKE,
        severity=severity,
        title=key,
        message=f"Seen by {note}.",
        window=WINDOW,
        dedupe_key=key,
        cameras=(note,),
        expires_at=FAR,
    )


@dataclass
class Progress:
    """How many drafts were published; lets others act at some of them."""

    published: int = 0
    _waiting: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def count(self) -> None:
        """One more."""
        self.published += 1
        for number, event in self._waiting:
            if self.published >= number:
                event.set()

    async def reached(self, number: int) -> None:
        """Until so many were published."""
        event = asyncio.Event()
        self._waiting.append((number, event))
        if self.published < number:
            await event.wait()


async def publish_all(publish: Publish, each: int, progress: Progress, seed: int) -> None:
    """Ten publishers at the same time; half of what they say is about things they share."""

    async def one(number: int) -> None:
        rng = random.Random(seed + number)
        for count in range(each):
            shared = rng.random() < 0.5
            key = f"shared-{rng.randrange(5)}" if shared else f"own-{number}-{count}"
            severity = Severity(rng.randint(1, 4))
            await publish(draft(key, severity, f"p{number}-{count}"), f"{number}-{count}")
            progress.count()

    async with asyncio.TaskGroup() as tasks:
        for number in range(PUBLISHERS):
            tasks.create_task(one(number))
    await publish(draft(END, Severity.CRITICAL, "all"), "end")


@dataclass
class Subscriber:
    """Reads until it was told the end. `committed` and the token are one commit."""

    attach: Attach
    wanted: Wanted
    rng: random.Random
    committed: list[Told] = field(default_factory=list)
    told: int = 0
    cuts: int = 0
    _token: str = ""

    async def run(self) -> None:
        while not await self._read():
            self.cuts += 1

    async def _read(self) -> bool:
        left = self.rng.randint(1, 40)
        stream = self.attach(self.wanted, self._token)
        try:
            async with aclosing(stream):
                async for one in stream:
                    self.told += 1
                    if self.rng.random() < 0.05:
                        return False  # gone before it was committed: it has to come again
                    self.committed.append(one)
                    self._token = one.token
                    if one.key == END:
                        return True
                    left -= 1
                    if not left:
                        return False
        except Cut:
            await asyncio.sleep(0)
        return False


def subscribers(attach: Attach, seed: int) -> list[Subscriber]:
    """Twenty, with several wishes."""
    wishes = [Wanted(), Wanted(), Wanted(Severity.HIGH), Wanted(Severity.MEDIUM, first=True)]
    return [
        Subscriber(attach, wishes[number % len(wishes)], random.Random(seed - 1 - number))
        for number in range(SUBSCRIBERS)
    ]


def check(log: list[Revision], readers: list[Subscriber]) -> None:
    """Every subscriber committed exactly what the log holds for it, in order."""
    revisions: dict[str, int] = {}
    for one in log:  # the log itself: each insight's revisions follow each other
        insight = one.insight
        assert insight.revision == revisions.get(insight.insight_id, 0) + 1
        revisions[insight.insight_id] = insight.revision
    for reader in readers:
        committed, expected = [one.position for one in reader.committed], reader.wanted.of(log)
        if committed != expected:
            missed, doubled = set(expected) - set(committed), len(committed) - len(set(committed))
            raise Missed(f"{reader.wanted}: missed {sorted(missed)}, {doubled} twice")


async def converse(
    attach: Attach,
    publish: Publish,
    *,
    each: int,
    seed: int,
    meanwhile: Callable[[Progress], Awaitable[None]] | None = None,
) -> list[Subscriber]:
    """Publish, subscribe and disturb, until everybody was told the end."""
    readers, progress = subscribers(attach, seed), Progress()
    async with asyncio.TaskGroup() as tasks:
        for one in readers:
            tasks.create_task(one.run())
        tasks.create_task(publish_all(publish, each, progress, seed))
        if meanwhile is not None:
            tasks.create_task(_run(meanwhile(progress)))
    return readers


async def _run(work: Awaitable[None]) -> None:
    await work
