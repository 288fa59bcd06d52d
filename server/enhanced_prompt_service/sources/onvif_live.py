"""ONVIF notifications as they are published over MQTT, one camera or many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..domain.events import Event
from . import ongoing_file
from .jsonl import decode
from .mqtt_messages import Message, Taken
from .onvif import OnvifReader
from .patient import PatientSink
from .progress import Progress
from .rows import BadRow


class OnvifLive:
    """What becomes of messages; when `take` has returned, what they tell is stored.

    `memory` is where what goes on is kept over restarts; it is written before messages are
    acknowledged.
    """

    def __init__(
        self, sink: PatientSink, reader: OnvifReader, progress: Progress, memory: Path | None = None
    ) -> None:
        self._sink = sink
        self._reader = reader
        self._memory = memory
        self.progress = progress
        if memory is not None:
            reader.recall(ongoing_file.load(memory))

    async def take(self, batch: Sequence[Taken]) -> None:
        """Store what messages tell; the sink must be a patient one."""
        events: dict[str, Event] = {}
        for one in batch:
            if not isinstance(one, Message):
                continue
            self.progress.rows += 1
            try:
                event = self._reader(decode(one.payload.decode("utf-8")), one.topic)
            except UnicodeDecodeError:
                self.progress.reject(0, "", "is not UTF-8", file=one.topic)
            except BadRow as error:
                self.progress.reject(0, error.field, error.reason, file=one.topic)
            else:
                if event is None:
                    self.progress.dropped += 1
                else:
                    events[event.event_id] = event
        if events:
            sent = list(events.values())
            self.progress.count([0] * len(sent), await self._sink.ingest_events(sent))
            if self._memory is not None:
                ongoing_file.keep(self._memory, self._reader.ongoing)
