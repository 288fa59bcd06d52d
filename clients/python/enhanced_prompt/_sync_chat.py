"""A chat that blocks. Its twin is `_async_chat`."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType
from typing import Self, Unpack

from ._chat import ChatFlow, Pending
from ._frames import Frame
from ._methods import CHAT
from ._requests import PromptOptions, chat_prompt, chat_question
from ._sync import SyncDuplex, SyncTransport
from ._turn_stream import TurnStream
from .errors import CallCancelled, EnhancedPromptError, StreamCut
from .v1.chat_pb2 import ChatReady, ChatRequest, ChatResponse, ChatSetup


class Chat:
    """A conversation on one stream in both directions: prompts go in, their turns come out.

    The stream is opened by the first prompt and kept alive by pings. Should it break, or the
    service ask to go elsewhere, the next one goes on where it was, unseen by who reads the turns:
    a prompt is never asked twice, a frame never given twice. A chat that can't be continued ends
    the turns that have not ended with one error; a later prompt tries anew.
    """

    def __init__(self, transport: SyncTransport, setup: ChatSetup) -> None:
        self._transport = transport
        self._setup = setup
        options = transport.options
        self._flow = ChatFlow(setup, retry=options.retry, reattach=options.reattach)
        # One lock for the flow; its condition wakes the writer, readers of turns, and `_run`.
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stream: SyncDuplex[ChatResponse] | None = None
        self._number = 0  # of the stream
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def conversation_id(self) -> str:
        """The chat's conversation; `chat(conversation_id=...)` goes on with it."""
        return self._flow.conversation_id

    @property
    def ready(self) -> ChatReady | None:
        """What the service said when the stream was opened: who the caller is, what it can do.

        None before the first prompt was heard.
        """
        return self._flow.ready

    def send(self, query: str, **options: Unpack[PromptOptions]) -> ChatTurn:
        """Ask a question. Its turn begins when the ones before it have ended, read or not."""
        message_id = options.get("message_id") or uuid.uuid4().hex
        prompt = chat_prompt(query, message_id, options)
        with self._news:
            if self._closed:
                raise RuntimeError("this chat is closed")
            pending = self._flow.send(prompt, chat_question(prompt, self._setup))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="chat", daemon=True)
                self._thread.start()
            self._news.notify_all()
        return ChatTurn(self, self._transport, pending)

    def close(self) -> None:
        """Leave the chat. A turn that runs goes on, unless `on_disconnect` said "cancel"."""
        with self._news:
            self._closed = True
            stream, thread = self._stream, self._thread
            self._flow.fail(CallCancelled("the chat was closed"))
            self._news.notify_all()
        if stream is not None:
            stream.cancel()
        if thread is not None:
            thread.join()

    # ---- below ----------------------------------------------------------------------------------

    def _cancel(self, pending: Pending) -> None:
        with self._news:
            self._flow.cancel(pending)
            self._news.notify_all()

    def _next(self, pending: Pending) -> ChatResponse | None:
        """The next message for a turn's reader; None when the chat has no more."""
        with self._news:
            self._news.wait_for(lambda: pending.readable)
            return pending.inbox.popleft() if pending.inbox else None

    def _run(self) -> None:
        """Owns the streams, one after the other."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._closed or self._flow.busy)
                if self._closed:
                    return
            try:
                self._converse()
            except EnhancedPromptError as error:
                with self._news:
                    self._flow.fail(error)
                    self._news.notify_all()

    def _converse(self) -> None:
        """Open streams until none is needed. Raises what ends the prompts that are left."""
        wait: float | None = 0.0
        while wait is not None:
            with self._news:
                if self._news.wait_for(lambda: self._closed, timeout=wait):
                    return
            ended_with: EnhancedPromptError | None = None
            try:
                self._one_stream()
            except EnhancedPromptError as error:
                ended_with = error
            with self._news:
                wait = self._flow.after(ended_with, random.random())

    def _one_stream(self) -> None:
        with self._news:
            self._flow.opened()
            self._number += 1
            number = self._number
        with self._transport.duplex(CHAT, self._requests(number)) as stream:
            with self._news:
                self._stream = stream
                if self._closed:
                    return
            try:
                with closing(stream.messages) as messages:
                    for message in messages:
                        with self._news:
                            if self._flow.take(message) is not None:
                                self._news.notify_all()
                            if self._flow.leaves:
                                return
            finally:
                with self._news:
                    self._stream = None
                    self._number += 1  # ends the requests
                    self._news.notify_all()

    def _requests(self, number: int) -> Iterator[ChatRequest]:
        """What has to be said, and a ping where there was nothing for a while: in grpc's thread."""
        every = self._transport.options.chat_ping
        due = time.monotonic() + every
        while True:
            with self._news:
                if number != self._number or self._closed:
                    return
                said = self._flow.outgoing()
                if not said and (left := due - time.monotonic()) > 0:
                    self._news.wait(timeout=left)
                    continue
                said = said or [self._flow.ping()]
            yield from said
            due = time.monotonic() + every


class ChatTurn(TurnStream):
    """A turn of a chat as it happens: read like one of `ask`, and stopped by `cancel`.

    Reading it is not needed for the chat to go on. Closing it is only the end of reading.
    """

    def __init__(self, chat: Chat, transport: SyncTransport, pending: Pending) -> None:
        super().__init__(transport, pending.flow)
        self._chat = chat
        self._pending = pending

    def cancel(self) -> None:
        """Stop the turn, or take it out of the line; what was said so far is kept.

        Returns at once: the turn's closing frame says how it ended. One that had not begun ends
        with CallAborted.
        """
        self._chat._cancel(self._pending)  # pyright: ignore[reportPrivateUsage]

    def _read(self) -> Generator[Frame, None, None]:
        pending = self._pending
        while (message := self._chat._next(pending)) is not None:  # pyright: ignore[reportPrivateUsage]
            try:
                frames = self._flow.take(message)
            except StreamCut:  # a frame is missing: it is fetched
                pending.behind = True
                pending.inbox.clear()
                continue
            yield from frames
        if pending.error is not None:
            raise pending.error
        if pending.behind:
            self._flow.watch()
            yield from super()._read()
            return
        self._flow.after(None, 0.0)
