"""A chat, without any input or output: what to say on a stream, what a message means, what next.

Both clients drive the same `ChatFlow`: on each new stream `opened()`, then `outgoing()` whenever
something may have to be said, `take()` for each message, and `after()` when the stream ends.

A prompt keeps its message_id on every stream that it is sent on, and the service makes one turn of
it. So what has not ended when a stream ends is sent again on the next one, in its order: a prompt
that waited goes on waiting, a turn that runs is joined from its beginning, of which frames that
came before are dropped by their place, and a turn whose process went away runs its next attempt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from ._options import Retry
from ._status import from_status
from ._turn import BROKEN, RUNNER_GONE, TurnFlow
from .errors import ChatIdle, Draining, EnhancedPromptError, StreamCut, Unavailable
from .v1.chat_pb2 import (
    ChatCancel,
    ChatPing,
    ChatPrompt,
    ChatReady,
    ChatRejected,
    ChatRequest,
    ChatResponse,
    ChatSetup,
    MultitaskPolicy,
)
from .v1.prompt_service_pb2 import AskRequest
from .v1.turns_pb2 import TurnFrame

INBOX = 256
"""Frames of a turn that wait for its reader; one that is further behind attaches anew."""

_CLOSING = frozenset({"completed", "cancelled", "failed"})


class Pending:
    """A prompt of a chat, from its sending to its end. `flow` is its reader's.

    Attributes:
        inbox: Messages with its frames, for the reader to take.
        ended: Whether the chat has no more for it.
        behind: Whether the inbox was full, so that the rest has to be read with WatchTurn.
        error: What ended it where no frame did.
    """

    def __init__(self, prompt: ChatPrompt, flow: TurnFlow) -> None:
        self.prompt = prompt
        self.flow = flow
        self.inbox: deque[ChatResponse] = deque()
        self.ended = False
        self.behind = False
        self.error: EnhancedPromptError | None = None
        self.turn_id = ""
        self.place: tuple[int, int] = (0, 0)
        self.sent = False
        self.cancels = False
        self.cancel_sent = False
        self.lost = 0  # attempts whose process went away

    @property
    def readable(self) -> bool:
        """Whether a reader need not wait: a frame is there, or none will come from the chat."""
        return bool(self.inbox) or self.ended or self.behind

    def end(self, error: EnhancedPromptError | None = None) -> None:
        """Nothing more comes."""
        self.ended = True
        self.error = error

    def put(self, message: ChatResponse) -> None:
        """Keep a frame for the reader, where there is room."""
        if self.behind or len(self.inbox) >= INBOX:
            self.behind = True
        else:
            self.inbox.append(message)


class ChatFlow:
    """One chat over any number of streams.

    `retry` counts until the service answered for the first time, `reattach` after it, from each
    new frame anew.
    """

    def __init__(self, setup: ChatSetup, *, retry: Retry, reattach: Retry) -> None:
        self._setup = setup
        self._retry = retry
        self._reattach = reattach
        self._open: list[Pending] = []
        self._tries = 0
        self._set_up = False
        self._leaving = False
        self._setback: EnhancedPromptError | None = None
        self._why = ""
        self.ready: ChatReady | None = None
        self.leaves = False
        """Whether the stream is of no use any more: what has to be done needs another one."""

    @property
    def conversation_id(self) -> str:
        """The chat's conversation."""
        return self._setup.conversation_id

    @property
    def busy(self) -> bool:
        """Whether a prompt has not ended, so that a stream is needed."""
        return bool(self._open)

    @property
    def waiting(self) -> Sequence[Pending]:
        """What has not ended, in its order."""
        return tuple(self._open)

    # ---- what the caller wants ------------------------------------------------------------------

    def send(self, prompt: ChatPrompt, question: AskRequest) -> Pending:
        """A new prompt; `question` is the same as a request of Ask."""
        flow = TurnFlow(question, deadline=None, retry=self._retry, reattach=self._reattach)
        pending = Pending(prompt, flow)
        if self._leaving and self._setup.multitask_policy == (
            MultitaskPolicy.MULTITASK_POLICY_INTERRUPT
        ):
            for one in self._open:  # the stream takes no prompt any more that would do it
                one.cancels = True
        self._open.append(pending)
        return pending

    def cancel(self, pending: Pending) -> None:
        """Stop a prompt that runs or waits."""
        pending.cancels = True

    def fail(self, error: EnhancedPromptError | None) -> tuple[Pending, ...]:
        """Give up on all that has not ended; a StreamCut says for each where its reader stood."""
        failed, self._open = tuple(self._open), []
        for pending in failed:
            cut = isinstance(error, StreamCut) and pending.flow.cut(self._why, self._setback)
            pending.end(cut or error)
        self._tries = 0
        return failed

    # ---- one stream -----------------------------------------------------------------------------

    def opened(self) -> None:
        """A new stream: all has to be said again."""
        self._tries += 1
        self._set_up = self._leaving = self.leaves = False
        self._setback = None
        for pending in self._open:
            pending.sent = pending.cancel_sent = False

    def outgoing(self) -> list[ChatRequest]:
        """What has to be said on this stream now, in its order."""
        said: list[ChatRequest] = []
        if not self._set_up:
            self._set_up = True
            said.append(ChatRequest(setup=self._setup))
        for pending in self._open:
            if not pending.sent and not self._leaving:
                pending.sent = True
                said.append(ChatRequest(prompt=pending.prompt))
            if pending.cancels and pending.sent and not pending.cancel_sent:
                pending.cancel_sent = True
                said.append(ChatRequest(cancel=ChatCancel(message_id=pending.prompt.message_id)))
        return said

    def ping(self) -> ChatRequest:
        """What to say where there is nothing to say."""
        now = ChatPing()
        now.time.FromDatetime(datetime.now(UTC))
        return ChatRequest(ping=now)

    def take(self, message: ChatResponse) -> Pending | None:
        """Understand a message; the prompt that it was about, where its reader has news."""
        match message.WhichOneof("frame"):
            case "turn":
                pending = self._of_turn(message.turn.turn_id)
                return None if pending is None else self._take_frame(pending, message)
            case "accepted":
                pending = self._of_message(message.accepted.message_id)
                if pending is not None and (turn_id := message.accepted.turn_id):
                    if turn_id != pending.turn_id:
                        pending.place = (0, 0)
                    pending.turn_id = turn_id
            case "rejected":
                return self._take_rejection(message.rejected)
            case "ready":
                self.ready = message.ready
            case "go_away":
                self._leaving = True
            case _:
                pass
        return None

    def after(self, error: EnhancedPromptError | None, draw: float) -> float | None:
        """What the end of a stream means: seconds to wait for the next one, None for none now.

        `error` is the status that it ended with, None for OK; `draw` is uniform in 0..1. Raises
        what ends the chat's open prompts.
        """
        if error is not None and not self._is_cut(error):
            raise error
        if not self._open:
            self._tries = 0
            return None
        error = error or self._setback
        begun = self.ready is not None
        retry = self._reattach if begun or isinstance(error, Draining) else self._retry
        retry_after = None if error is None else error.retry_after
        wait = retry.wait(max(self._tries, 1), retry_after, draw)
        if wait is None:
            if error is not None and not begun:
                raise error
            self._setback = error
            self._why = f"{self._tries} times in a row nothing came of it"
            raise self._open[0].flow.cut(self._why, error)
        return wait

    # ---- messages -------------------------------------------------------------------------------

    def _take_frame(self, pending: Pending, message: ChatResponse) -> Pending | None:
        raw = message.turn
        if raw.sequence:
            place = (raw.attempt, raw.sequence)
            if place <= pending.place:
                return None  # it came on an earlier stream
            pending.place = place
        self._tries = 0
        kind = raw.WhichOneof("payload")
        if kind == "failed" and self._runs_again(pending, raw):
            return None
        if kind in _CLOSING:
            pending.ended = True
            self._open.remove(pending)
        if pending.error is None:
            pending.put(message)
        return pending

    def _runs_again(self, pending: Pending, raw: TurnFrame) -> bool:
        """Whether a failure is only that of a process, so that the next attempt is wanted."""
        error = from_status(raw.failed.status)
        if not raw.failed.retryable or error.reason not in RUNNER_GONE:
            return False
        pending.lost += 1
        if self._reattach.wait(pending.lost, error.retry_after, 0.0) is None:
            pending.error = error
            return False
        self._set_back(pending, error)
        return True

    def _take_rejection(self, rejected: ChatRejected) -> Pending | None:
        pending = self._of_message(rejected.message_id)
        if pending is None:
            return None
        error = from_status(rejected.status)
        if isinstance(error, Unavailable):
            self._set_back(pending, error)
            return None
        self._open.remove(pending)
        pending.end(error)
        return pending

    def _set_back(self, pending: Pending, error: EnhancedPromptError) -> None:
        """A prompt has to be sent again, after a while and perhaps elsewhere."""
        pending.sent = False
        self._setback = error
        # Prompts run one at a time: nothing else is under way on this stream, unless it is one
        # that is to be left anyway, which then ends by itself.
        self.leaves = self.leaves or not self._leaving

    def _is_cut(self, error: EnhancedPromptError) -> bool:
        """Whether an error says nothing about the chat, only about the way to it."""
        if error.retryable or isinstance(error, ChatIdle):
            return True
        return self.ready is not None and not error.reason and error.code in BROKEN

    def _of_message(self, message_id: str) -> Pending | None:
        return next((one for one in self._open if one.prompt.message_id == message_id), None)

    def _of_turn(self, turn_id: str) -> Pending | None:
        return next((one for one in self._open if one.turn_id == turn_id), None)
