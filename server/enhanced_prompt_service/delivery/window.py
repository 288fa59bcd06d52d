"""The part of a destination's outbox that is in memory: bounded, and in order by lane.

What is held of a lane is always the beginning of what it is owed: entries come in the order of
their numbers, and where a lane has to wait, all of it but its first entry is let go of, and read
again later. A lane has one batch under way at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.outbox import Entry, MessageKind, OutboxState


@dataclass(frozen=True, slots=True)
class Packing:
    """How entries go together.

    `insights` is how many insights share a request at most, and `wait` how long one waits for
    others; `any` is how many entries of any kind go together: for a receiver with one connection,
    which keeps their order.
    """

    insights: int = 1
    wait: timedelta = timedelta(0)
    any: int = 1
    most_bytes: int = 1024 * 1024


Batch = list[Entry]


class Window:
    """Not more than `most` entries."""

    def __init__(self, packing: Packing, most: int = 512) -> None:
        self._packing = packing
        self._most = most
        self.held: dict[int, Entry] = {}
        self._lanes: dict[str, deque[Entry]] = {}
        self._busy: set[str] = set()
        self._waiting: dict[str, datetime] = {}
        self._ready: dict[str, None] = {}  # lanes, in the order in which they became so
        self._again: deque[Entry] = deque()  # acknowledgements to ask for
        self._alone: set[int] = set()
        self._dropped: set[str] = set()
        self._together = packing.any

    @property
    def room(self) -> int:
        """How many more fit."""
        return self._most - len(self.held)

    @property
    def ready(self) -> bool:
        """Whether there is something that waits for nothing but its turn."""
        return bool(self._ready or self._again)

    def reading(self) -> tuple[frozenset[int], frozenset[str]]:
        """What is not to be read: entries that are held, lanes that wait. Followed by `add`."""
        self._dropped.clear()
        return frozenset(self.held), frozenset(self._waiting)

    def add(self, entries: Iterable[Entry], now: datetime) -> None:
        """What was read. Lanes that began to wait meanwhile are left for the next time."""
        for one in entries:
            lane = one.message.lane
            if lane in self._dropped or lane in self._waiting or one.id in self.held:
                continue
            self.held[one.id] = one
            self._lanes.setdefault(lane, deque()).append(one)
            if one.next_at > now and lane not in self._busy and len(self._lanes[lane]) == 1:
                self._wait(lane, one.next_at)
            else:
                self._offer(lane)

    def add_again(self, entries: Iterable[Entry]) -> None:
        """What went out and was not acknowledged."""
        for one in entries:
            if one.id not in self.held:
                self.held[one.id] = one
                self._again.append(one)

    def take(self, count: int, now: datetime, most: int | None = None) -> list[Batch]:
        """At most so many batches to send now; each is followed by one of the methods below.

        `most` is how many entries of any kind may go together now, where that is fewer.
        """
        self._together = self._packing.any if most is None else min(most, self._packing.any)
        for lane, until in list(self._waiting.items()):
            if until <= now:
                del self._waiting[lane]
                self._offer(lane)
        found: list[Batch] = []
        skipped: dict[str, None] = {}
        while len(found) < count:
            batch = self._next(now, skipped)
            if batch is None:
                break
            found.append(batch)
        self._ready = {**skipped, **self._ready}
        return found

    def due_s(self, now: datetime) -> float | None:
        """Seconds until something that waits may go; None where nothing does."""
        times = list(self._waiting.values())
        if self._packing.insights > 1 and self._ready:
            heads = (self._lanes[lane][0] for lane in self._ready)
            times.append(min(one.created_at for one in heads) + self._packing.wait)
        return None if not times else max(0.0, (min(times) - now).total_seconds())

    def ended(self, entry: Entry) -> None:
        """Its attempt is over; it is held until that is written (`release`)."""
        self._free(entry)

    def release(self, entry_id: int) -> None:
        """What became of it is written."""
        self.held.pop(entry_id, None)
        self._alone.discard(entry_id)

    def wait(self, entry: Entry, until: datetime) -> None:
        """It goes again, not before an instant; its lane waits with it."""
        lane = entry.message.lane
        if entry.state is OutboxState.SENT:
            self.release(entry.id)
            return
        self._put_back(entry)
        self._busy.discard(lane)
        self._wait(lane, until)

    def back(self, entries: Sequence[Entry], *, alone: bool = False) -> None:
        """They did not get anywhere, and go again when something may; perhaps each by itself."""
        for one in reversed(entries):
            if one.state is OutboxState.SENT:
                self._again.appendleft(one)
            else:
                self._put_back(one)
            if alone:
                self._alone.add(one.id)
        for one in entries:
            self._busy.discard(one.message.lane)
            self._offer(one.message.lane)

    def _put_back(self, entry: Entry) -> None:
        self._lanes.setdefault(entry.message.lane, deque()).appendleft(entry)

    def _next(self, now: datetime, skipped: dict[str, None]) -> Batch | None:
        if self._packing.any > 1:
            return self._mixed()
        while self._ready:
            lane = next(iter(self._ready))
            head = self._lanes[lane][0]
            if head.message.kind is not MessageKind.PROACTIVE_INSIGHT or head.id in self._alone:
                return [self._pop(lane)]
            batch = self._insights(now)
            if batch is not None:
                return batch
            for one in list(self._ready):  # they wait for others
                if self._lanes[one][0].message.kind is MessageKind.PROACTIVE_INSIGHT:
                    del self._ready[one]
                    skipped[one] = None
        return None

    def _mixed(self) -> Batch | None:
        batch: Batch = []
        room = self._packing.most_bytes
        while self._again and len(batch) < self._together:
            batch.append(self._again.popleft())
        for lane in list(self._ready):
            while self._lanes.get(lane) and len(batch) < self._together and room > 0:
                one = self._pop(lane)
                room -= one.size
                batch.append(one)
        return batch or None

    def _insights(self, now: datetime) -> Batch | None:
        lanes: list[str] = []
        count, room, oldest = 0, self._packing.most_bytes, now
        for lane in self._ready:
            head = self._lanes[lane][0]
            if head.message.kind is not MessageKind.PROACTIVE_INSIGHT or head.id in self._alone:
                continue
            lanes.append(lane)
            oldest = min(oldest, head.created_at)
            count += len(self._lanes[lane])
            room -= sum(one.size for one in self._lanes[lane])
            if count >= self._packing.insights or room <= 0:
                break
        else:
            if now - oldest < self._packing.wait:
                return None
        batch: Batch = []
        room = self._packing.most_bytes
        for lane in lanes:
            while self._lanes.get(lane) and len(batch) < self._packing.insights:
                head = self._lanes[lane][0]
                if (batch and head.size > room) or head.id in self._alone:
                    break
                room -= head.size
                batch.append(self._pop(lane))
        return batch

    def _pop(self, lane: str) -> Entry:
        entry = self._lanes[lane].popleft()
        self._busy.add(lane)
        self._ready.pop(lane, None)
        if not self._lanes[lane]:
            del self._lanes[lane]
        return entry

    def _free(self, entry: Entry) -> None:
        lane = entry.message.lane
        if entry.state is not OutboxState.SENT:
            self._busy.discard(lane)
            self._offer(lane)

    def _offer(self, lane: str) -> None:
        if lane in self._lanes and lane not in self._busy and lane not in self._waiting:
            self._ready[lane] = None

    def _wait(self, lane: str, until: datetime) -> None:
        """All but the first entry of the lane are let go of."""
        self._waiting[lane] = until
        self._ready.pop(lane, None)
        self._dropped.add(lane)
        queue = self._lanes[lane]
        while len(queue) > 1:
            self.release(queue.pop().id)
