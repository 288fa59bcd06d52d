"""A turn as a blocking stream. Its twin is `_async_turn`."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType
from typing import Self

from ._frames import Cancelled, Frame
from ._sync import SyncTransport
from ._turn import TextView, TurnFlow
from .errors import CallCancelled, EnhancedPromptError
from .v1.answers_pb2 import PromptResponse


class TurnStream:
    """A turn as it happens. Iterating gives its frames, up to the closing one, once.

    A connection that breaks is not seen: the stream attaches again and goes on after the last
    frame. Where a new attempt had to begin, its first frame is a Reset, which withdraws what came
    before. Raises StreamCut after `options.reattach` attempts in vain. A failed turn gives its
    `Failed` frame and then raises its error. Used as a context manager, or read to its end, it
    leaves nothing open.
    """

    def __init__(self, transport: SyncTransport, flow: TurnFlow) -> None:
        self._transport = transport
        self._flow = flow
        self._frames = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def close(self) -> None:
        """Stop reading. Whether the turn goes on is what `on_disconnect` said. Idempotent.

        For whoever reads: not while somebody else waits for the next frame.
        """
        self._frames.close()

    def text(self) -> Iterator[str]:
        """The answer's text in pieces to print one after the other.

        Should the service withdraw text that was given already, what the new text repeats of it is
        left out; where it goes another way, it comes whole after an empty line.
        """
        view = TextView()
        for frame in self._frames:
            if piece := view.take(frame):
                yield piece

    def result(self) -> PromptResponse:
        """Read to the end and return the answer. Raises CallCancelled where there is none."""
        for _ in self._frames:
            pass
        if isinstance(self._flow.closing, Cancelled):
            raise CallCancelled(f"turn {self.turn_id} was cancelled")
        return self._flow.response

    @property
    def response(self) -> PromptResponse:
        """The answer, once the turn has ended; of a cancelled turn what there was of it.

        Raises the turn's error where it failed, RuntimeError before its end.
        """
        return self._flow.response

    @property
    def cancelled(self) -> bool:
        """Whether somebody stopped the turn."""
        return isinstance(self._flow.closing, Cancelled)

    @property
    def text_so_far(self) -> str:
        """The text now, without what was withdrawn."""
        return self._flow.text

    @property
    def request_id(self) -> str:
        """Asking the same with this id joins the turn instead of asking twice."""
        return self._flow.request_id

    @property
    def turn_id(self) -> str:
        """The turn's id, "" before the first frame."""
        return self._flow.turn_id

    @property
    def conversation_id(self) -> str:
        """The conversation's id, "" while it is not known."""
        return self._flow.conversation_id

    def _read(self) -> Generator[Frame, None, None]:
        wait: float | None = 0.0
        while wait is not None:
            time.sleep(wait)
            call = self._flow.call()
            ended_with: EnhancedPromptError | None = None
            messages = self._transport.stream(call.method, call.request, deadline=call.deadline)
            with closing(messages):
                try:
                    for message in messages:
                        yield from self._flow.take(message)
                except EnhancedPromptError as error:
                    ended_with = error
            wait = self._flow.after(ended_with, random.random())
