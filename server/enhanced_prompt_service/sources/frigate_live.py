"""Frigate as it goes: its MQTT messages as events, insights and coverage.

Messages are taken in batches and acknowledged once what they told is stored. What is not JSON, or
breaks a limit, is counted with its reason and let go: it would be the same the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..domain.clock import Clock
from ..domain.event_rules import MAX_DESCRIPTION, MAX_SUB_LABEL
from ..domain.events import Coverage, CoverageState, Event
from ..domain.insights import MAX_EVIDENCE
from .coverage_tracker import CoverageTracker
from .frigate import FrigateOptions, frigate_event
from .frigate_reviews import Review, frigate_review
from .frigate_topics import Topic, state, topic
from .jsonl import decode
from .loose import as_mapping, as_number
from .mqtt_messages import Cut, Joined, Message, Taken
from .newest import Newest
from .patient import PatientSink
from .progress import Progress
from .rows import BadRow, Row

_EventRank = tuple[bool, float]
_NAMING = ("face", "lpr", "classification")
_MOST_EVENTS = 1_000
_SKEW = timedelta(minutes=5)  # by which Frigate's clock may be ahead of ours
_MOST_TEXT = 4 * 1024 * 1024


@dataclass(slots=True)
class _Work:
    """What a batch of messages comes to, the newest state of each thing."""

    events: dict[str, Event] = field(default_factory=dict[str, Event])
    reviews: dict[str, Review] = field(default_factory=dict[str, Review])
    coverage: list[Coverage] = field(default_factory=list[Coverage])


class FrigateLive:
    """What becomes of messages. `take` is called with one batch after another; when it has
    returned, what they tell is stored.

    `clock` is real time: Frigate says what cameras see, so its states hold from when they are told.
    """

    def __init__(
        self,
        sink: PatientSink,
        options: FrigateOptions,
        clock: Clock,
        progress: Progress,
        prefix: str = "frigate",
    ) -> None:
        self._sink = sink
        self._options = options
        self._clock = clock
        self._prefix = prefix
        self._events: Newest[_EventRank, Event] = Newest()
        self._reviews: Newest[tuple[bool, int, int], Review] = Newest()
        self._coverage = CoverageTracker(options.site)
        self._with_status: set[str] = set()
        self._available = True
        self._began = clock.now() + _SKEW
        self.progress = progress
        self.insights = 0

    async def take(self, batch: Sequence[Taken]) -> None:
        """Store what messages tell; with none, what is known about coverage by now.

        The sink must be a patient one: what was read is not read again.
        """
        work = _Work()
        now = self._clock.now()
        for one in batch:
            match one:
                case Cut():
                    work.coverage += self._coverage.cut(now)
                case Joined():
                    pass
                case Message():
                    await self._message(one, work, now)
        if not batch:
            work.coverage += self._coverage.until(now)
        await self._send(work)

    async def _message(self, message: Message, work: _Work, now: datetime) -> None:
        about = topic(message.topic, self._prefix)
        if about is None:
            return
        try:
            match about.kind:
                case "event":
                    await self._event(_row(message), work)
                case "update":
                    self._update(_row(message), work)
                case "review":
                    self._review(_row(message), work)
                case "camera" | "available":
                    work.coverage += self._state(about, message.payload, now)
        except BadRow as error:
            self.progress.rows += 1
            self.progress.reject(0, error.field, error.reason, file=message.topic)

    async def _event(self, row: Row, work: _Work) -> None:
        event = frigate_event(row, self._options)
        if event is None:
            self.progress.rows += 1
            self.progress.dropped += 1
            return
        if event.end_time is None:
            await self._recall(event)
        after = as_mapping(row.get("after")) or row
        rank = (event.end_time is not None, as_number(after.get("frame_time")) or 0.0)
        self._fresh(event, rank, work)

    async def _recall(self, event: Event) -> None:
        """What an earlier run stored says how far an event had come: one that has ended is not
        opened again by a message that came late. Events since this run began need no look."""
        if event.start_time > self._began or event.event_id in self._events:
            return
        stored = await self._sink.stored_event(event.event_id)
        if stored is not None and stored.end_time is not None:
            self._events.takes(event.event_id, (True, 0.0), stored)

    def _update(self, row: Row, work: _Work) -> None:
        """A description or a name, of an event that was heard of: it is sent again with it."""
        known = self._events.get(str(row.get("id")))
        if known is None:
            return
        text, name = row.get("description"), row.get("name") or row.get("sub_label")
        if row.get("type") == "description" and isinstance(text, str):
            told = replace(known, description=text[:MAX_DESCRIPTION])
        elif row.get("type") in _NAMING and isinstance(name, str):
            told = replace(known, sub_label=name[:MAX_SUB_LABEL])
        else:
            return
        self.progress.rows += 1
        if self._events.amend(known.event_id, told):
            work.events[told.event_id] = told
        else:
            self.progress.duplicates += 1

    def _fresh(self, event: Event, rank: _EventRank, work: _Work) -> None:
        self.progress.rows += 1
        before = self._events.get(event.event_id)
        if before is not None:
            # What was told beside the messages is not in them: it stays.
            event = replace(
                event,
                description=event.description or before.description,
                sub_label=event.sub_label or before.sub_label,
            )
        if self._events.takes(event.event_id, rank, event):
            work.events[event.event_id] = event
        else:
            self.progress.duplicates += 1

    def _review(self, row: Row, work: _Work) -> None:
        review = frigate_review(row, self._options.site)
        if self._reviews.takes(review.review_id, review.rank, review):
            work.reviews[review.review_id] = review

    def _state(self, about: Topic, payload: bytes, now: datetime) -> list[Coverage]:
        found = state(payload)
        if found is None:
            raise BadRow("", "is neither online, offline, disabled, ON nor OFF")
        if about.kind == "available":
            self._available = found is CoverageState.RECORDING
            return [] if self._available else self._coverage.cut(now)
        if about.part == "status":
            self._with_status.add(about.camera_id)
        elif about.camera_id in self._with_status:
            return []  # says whether detecting is wanted; its status says whether it works
        if not self._available:
            return []  # how things stood: Frigate itself is gone
        return self._coverage.seen(about.camera_id, found, now)

    async def _send(self, work: _Work) -> None:
        events = list(work.events.values())
        for first in range(0, len(events), _MOST_EVENTS):
            part = events[first : first + _MOST_EVENTS]
            receipt = await self._sink.ingest_events(part)
            self.progress.count([0] * len(part), receipt)
            for refused in receipt.refused:
                self._events.forget(part[refused.index].event_id)
        for first in range(0, len(work.coverage), _MOST_EVENTS):
            await self._sink.ingest_coverage(work.coverage[first : first + _MOST_EVENTS])
        for review in work.reviews.values():
            await self._sink.publish_insight(review.draft, await self._stored(review.event_ids))
            self.insights += 1

    async def _stored(self, event_ids: Sequence[str]) -> list[str]:
        """Those that the receiver has: an insight may rest on nothing else."""
        found: list[str] = []
        for one in event_ids:
            if one in self._events or (
                len(found) < MAX_EVIDENCE and await self._sink.stored_event(one) is not None
            ):
                found.append(one)
        return found


def _row(message: Message) -> Row:
    if len(message.payload) > _MOST_TEXT:
        raise BadRow("", f"has more than {_MOST_TEXT} bytes")
    try:
        return decode(message.payload.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRow("", "is not UTF-8") from error
