"""Reading a turn, without any input or output: what to call, what a message means, when to stop.

Both clients drive the same `TurnFlow`: open `call()`, give each message to `take()`, and when the
stream ends ask `after()` whether to wait and open `call()` again, to return, or (it raises) to
give up. Attaching again after a cut belongs here, and nowhere else:

    before the first frame    Ask again, with the same request_id
    after it                  WatchTurn from the last sequence; on NOT_FOUND Ask again
    its runner went away      Ask again: that runs the next attempt, which begins with a `reset`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic as _monotonic
from typing import Any, TypeAlias

import grpc

from ._connection import is_draining
from ._frames import (
    Cancelled,
    ClosingFrame,
    Completed,
    Failed,
    Frame,
    Reset,
    Started,
    TextDelta,
    TextWithdrawn,
    frame_of,
)
from ._methods import ASK, WATCH_TURN, Method
from ._options import Retry
from .errors import EnhancedPromptError, NotFound, StreamCut
from .v1.answers_pb2 import PromptResponse
from .v1.chat_pb2 import ChatResponse
from .v1.prompt_service_pb2 import AskRequest, AskResponse, WatchTurnRequest, WatchTurnResponse
from .v1.turns_pb2 import TurnFrame, TurnReset

TurnMessage: TypeAlias = AskResponse | WatchTurnResponse | ChatResponse

# What a connection that broke looks like, when no server said why.
BROKEN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.CANCELLED,
    }
)


# Reasons for which the service ends a turn because a process of its own goes or went away. The
# next attempt runs elsewhere; every other failure is the turn's, and the caller's to judge.
RUNNER_GONE = frozenset({"RUNNER_LOST", "DRAINING"})


@dataclass(frozen=True, slots=True)
class TurnCall:
    """A stream of a turn's frames to open; `deadline` is seconds from now, None for none."""

    method: Method[Any, Any]
    request: AskRequest | WatchTurnRequest
    deadline: float | None


class TurnFlow:
    """One reader of one turn.

    `deadline` is for all of its calls together; `retry` counts until the first frame, `reattach`
    after it, from each frame anew.
    """

    def __init__(
        self,
        request: AskRequest,
        *,
        deadline: float | None,
        retry: Retry,
        reattach: Retry,
        monotonic: Callable[[], float] = _monotonic,
    ) -> None:
        self._request = request
        self._deadline = deadline
        self._retry = retry
        self._reattach = reattach
        self._monotonic = monotonic
        self._began: float | None = None
        self._tries = 0
        self._asks = True  # whether the next call is Ask
        self._gone: Failed | None = None
        self._runs = 0  # attempts whose runner went away
        self.turn_id = ""
        self.conversation_id = request.conversation_id
        self.attempt = 0
        self.last_sequence = 0
        self.closing: ClosingFrame | None = None
        self._text: list[str] = []

    @property
    def text(self) -> str:
        """The text so far, without what was withdrawn."""
        return "".join(self._text)

    @property
    def request_id(self) -> str:
        """What the question was asked with."""
        return self._request.request_id

    @property
    def response(self) -> PromptResponse:
        """The answer, or what there was of it when somebody stopped the turn.

        Raises the turn's error where it failed, RuntimeError while it has not ended.
        """
        match self.closing:
            case Completed(response=response) | Cancelled(response=response):
                return response
            case Failed(error=error):
                raise error
            case None:
                raise RuntimeError("the turn has not ended: read it to its end first")

    def call(self) -> TurnCall:
        """The stream to open now."""
        self._tries += 1
        now = self._monotonic()
        if self._began is None:
            self._began = now
        left = self._deadline
        if left is not None:
            left = max(0.0, left - (now - self._began))
        if self._asks:
            return TurnCall(ASK, self._request, left)
        watch = WatchTurnRequest(
            turn_id=self.turn_id,
            attempt=self.attempt,
            after_sequence=self.last_sequence,
            detail=self._request.detail,
            frame_kinds=self._request.frame_kinds,
        )
        return TurnCall(WATCH_TURN, watch, left)

    def watch(self) -> None:
        """Go on with WatchTurn, where frames came another way so far."""
        self._asks = not self.turn_id

    def take(self, message: TurnMessage) -> tuple[Frame, ...]:
        """The frames in a message, mostly one; none for what is no frame, or was seen before.

        Raises StreamCut when a frame between the last one and this one is missing.
        """
        if message.WhichOneof("frame") != "turn" or self.closing is not None or self._gone:
            return ()
        raw = message.turn
        first: tuple[Frame, ...] = ()
        if self.turn_id and raw.turn_id != self.turn_id:
            first = (self._anew(raw),)
        self.turn_id = raw.turn_id
        if raw.sequence and not self._follows(raw):
            return first
        tries, self._tries = self._tries, 0
        frame = frame_of(raw)
        match frame:
            case Started(conversation_id=conversation_id):
                self.conversation_id = conversation_id
            case TextDelta(text=text):
                self._text.append(text)
            case Reset() | TextWithdrawn():
                self._text.clear()
            case Completed() | Cancelled():
                self.conversation_id = frame.response.conversation_id or self.conversation_id
                self.closing = frame
                if raw.replayed:  # it stands for deltas that did not come
                    self._text = [frame.response.response]
            case Failed(error=error, retryable=True) if error.reason in RUNNER_GONE:
                self._gone = frame
                return first
            case Failed(retryable=True) if not raw.sequence and not raw.replayed:
                # No part of the turn: it speaks of the way to it (a database or a bus that is
                # away), and so does the status that the stream now ends with.
                self._tries = tries
                return first
            case Failed():
                self.closing = frame
            case _:
                pass
        return (*first, frame)

    def after(self, error: EnhancedPromptError | None, draw: float) -> float | None:
        """What the end of a stream means: seconds to wait before `call()`, or None at the end.

        `error` is the status that it ended with, None for OK; `draw` is uniform in 0..1. Raises
        the turn's own error, StreamCut where it gives up on a turn, or `error`.
        """
        if self._gone is not None:
            return self._run_again(self._gone, draw)
        match self.closing:
            case Failed(error=failure):
                raise failure from error
            case Completed() | Cancelled():
                return None  # whatever happened to the connection after it is of no interest
            case None:
                pass
        watched, self._asks = not self._asks, not self.turn_id
        if watched and isinstance(error, NotFound):
            self._asks = True
        elif error is not None and not self._is_cut(error):
            raise error
        refused = error is not None and is_draining(error)  # its neighbours may take it
        retry = self._reattach if self.turn_id or refused else self._retry
        retry_after = None if error is None else error.retry_after
        wait = retry.wait(max(self._tries, 1), retry_after, draw)
        if wait is not None:
            return wait
        if error is not None and not self.turn_id:
            raise error
        if isinstance(error, StreamCut):
            raise error
        raise self.cut(f"{self._tries} times in a row nothing came of it", error) from error

    def _is_cut(self, error: EnhancedPromptError) -> bool:
        """Whether an error says nothing about the turn, only about the way to it."""
        if error.retryable:  # UNAVAILABLE, gaps, and calls that a stopping server gave up
            return True
        return bool(self.turn_id) and not error.reason and error.code in BROKEN

    def _run_again(self, gone: Failed, draw: float) -> float:
        """Ask for the next attempt. Raises the turn's error where that was tried often enough."""
        self._runs += 1
        wait = self._reattach.wait(self._runs, gone.error.retry_after, draw)
        if wait is None:
            self.closing = gone
            raise gone.error
        self._gone, self._asks = None, True
        return wait

    def _anew(self, raw: TurnFrame) -> Reset:
        """Asking again made another turn: the first one is not there any more."""
        self.attempt = self.last_sequence = 0
        self._text.clear()
        return Reset(
            message=TurnFrame(
                turn_id=raw.turn_id, attempt=raw.attempt, reset=TurnReset(attempt=raw.attempt)
            )
        )

    def _follows(self, raw: TurnFrame) -> bool:
        """Notes a frame's place; False for one that was seen. Raises StreamCut at a gap."""
        place, last = (raw.attempt, raw.sequence), (self.attempt, self.last_sequence)
        if place <= last:
            return False
        expected = self.last_sequence if raw.attempt == self.attempt else 0
        if raw.previous_sequence != expected:
            raise self.cut(
                f"frame {raw.sequence} follows {raw.previous_sequence}, not {expected}", None
            )
        self.attempt, self.last_sequence = place
        return True

    def cut(self, why: str, error: EnhancedPromptError | None) -> StreamCut:
        """The error that says where this reader stood."""
        cut = StreamCut(
            f"the stream of turn {self.turn_id or '(not begun)'} was cut: {why}"
            + (f" ({error.message})" if error is not None else ""),
            request_id=error.request_id if error is not None else "",
            retry_after=error.retry_after if error is not None else None,
        )
        cut.turn_id, cut.attempt = self.turn_id, self.attempt
        cut.last_sequence, cut.turn_request_id = self.last_sequence, self.request_id
        return cut


class TextView:
    """A turn's text as a sequence of pieces to print, where nothing printed can be taken back.

    After a withdrawal, what repeats the text already printed is not printed again; where the new
    text goes another way, it is printed whole after an empty line. `PromptResponse.response` is
    the answer's text in any case.
    """

    def __init__(self) -> None:
        self._shown: list[str] = []  # since the last empty line
        self._again: str | None = None  # the new text, while it may still repeat what is shown

    def take(self, frame: Frame) -> str:
        """What to print for a frame: "" for nothing."""
        match frame:
            case Reset() | TextWithdrawn():
                self._again = ""
                return ""
            case TextDelta(text=text):
                if self._again is not None:
                    return self._compare(self._again + text, complete=False)
                self._shown.append(text)
                return text
            case Completed(response=response) | Cancelled(response=response):
                # A replayed answer comes without deltas, and a withdrawn one perhaps without more.
                return self._compare(response.response, complete=True)
            case _:
                return ""

    def _compare(self, text: str, *, complete: bool) -> str:
        shown = "".join(self._shown)
        if shown.startswith(text) and not (complete and text != shown):
            self._again = text if text != shown else None
            return ""
        self._again = None
        self._shown = [text]
        return text[len(shown) :] if text.startswith(shown) else "\n\n" + text
