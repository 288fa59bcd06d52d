"""A chat for asyncio. Its twin is `_sync_chat`."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Self, Unpack

from ._aio import AsyncDuplex, AsyncTransport
from ._async_turn import AsyncTurnStream
from ._chat import ChatFlow, Pending
from ._frames import Frame
from ._methods import CHAT
from ._requests import PromptOptions, chat_prompt, chat_question
from .errors import CallCancelled, EnhancedPromptError, StreamCut
from .v1.chat_pb2 import ChatReady, ChatRequest, ChatResponse, ChatSetup


class AsyncChat:
    """A conversation on one stream in both directions: prompts go in, their turns come out.

    The stream is opened by the first prompt and kept alive by pings. Should it break, or the
    service ask to go elsewhere, the next one goes on where it was, unseen by who reads the turns:
    a prompt is never asked twice, a frame never given twice. A chat that can't be continued ends
    the turns that have not ended with one error; a later prompt tries anew.
    """

    def __init__(self, transport: AsyncTransport, setup: ChatSetup) -> None:
        self._transport = transport
        self._setup = setup
        options = transport.options
        self._flow = ChatFlow(setup, retry=options.retry, reattach=options.reattach)
        self._news = asyncio.Event()  # for the writer, and for who waits to open a stream
        self._turns: dict[Pending, AsyncChatTurn] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

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

    def send(self, query: str, **options: Unpack[PromptOptions]) -> AsyncChatTurn:
        """Ask a question. Its turn begins when the ones before it have ended, read or not."""
        if self._closed:
            raise RuntimeError("this chat is closed")
        message_id = options.get("message_id") or uuid.uuid4().hex
        prompt = chat_prompt(query, message_id, options)
        pending = self._flow.send(prompt, chat_question(prompt, self._setup))
        turn = AsyncChatTurn(self, self._transport, pending)
        self._turns[pending] = turn
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="chat")
        self._news.set()
        return turn

    async def close(self) -> None:
        """Leave the chat. A turn that runs goes on, unless `on_disconnect` said "cancel"."""
        self._closed = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._give_up(CallCancelled("the chat was closed"))

    # ---- below ----------------------------------------------------------------------------------

    def _cancel(self, pending: Pending) -> None:
        self._flow.cancel(pending)
        self._news.set()

    def _give_up(self, error: EnhancedPromptError | None) -> None:
        self._tell(*self._flow.fail(error))

    def _tell(self, *of: Pending) -> None:
        for pending in of:
            turn = self._turns[pending]
            turn.news.set()
            if pending.ended:
                del self._turns[pending]

    async def _run(self) -> None:
        """Owns the streams, one after the other."""
        while True:
            while not self._flow.busy:
                self._news.clear()
                await self._news.wait()
            try:
                await self._converse()
            except EnhancedPromptError as error:
                self._give_up(error)

    async def _converse(self) -> None:
        """Open streams until none is needed. Raises what ends the prompts that are left."""
        wait: float | None = 0.0
        while wait is not None:
            await asyncio.sleep(wait)
            ended_with: EnhancedPromptError | None = None
            try:
                await self._one_stream()
            except EnhancedPromptError as error:
                ended_with = error
            wait = self._flow.after(ended_with, random.random())

    async def _one_stream(self) -> None:
        self._flow.opened()
        async with self._transport.duplex(CHAT) as stream:
            writing = asyncio.create_task(self._write(stream))
            try:
                async with aclosing(stream.messages) as messages:
                    async for message in messages:
                        if (pending := self._flow.take(message)) is not None:
                            self._tell(pending)
                        if self._flow.leaves:
                            return
            finally:
                writing.cancel()
                await asyncio.wait([writing])

    async def _write(self, stream: AsyncDuplex[ChatRequest, ChatResponse]) -> None:
        """Say what has to be said, and a ping where there was nothing for a while."""
        every = self._transport.options.chat_ping
        while True:
            self._news.clear()
            for request in self._flow.outgoing():
                if not await stream.send(request):
                    return
            try:
                async with asyncio.timeout(every):
                    await self._news.wait()
            except TimeoutError:
                if not await stream.send(self._flow.ping()):
                    return


class AsyncChatTurn(AsyncTurnStream):
    """A turn of a chat as it happens: read like one of `ask`, and stopped by `cancel`.

    Reading it is not needed for the chat to go on. Closing it is only the end of reading.
    """

    def __init__(self, chat: AsyncChat, transport: AsyncTransport, pending: Pending) -> None:
        super().__init__(transport, pending.flow)
        self._chat = chat
        self._pending = pending
        self.news = asyncio.Event()

    def cancel(self) -> None:
        """Stop the turn, or take it out of the line; what was said so far is kept.

        Returns at once: the turn's closing frame says how it ended. One that had not begun ends
        with CallAborted.
        """
        self._chat._cancel(self._pending)  # pyright: ignore[reportPrivateUsage]

    async def _read(self) -> AsyncGenerator[Frame, None]:
        pending = self._pending
        while True:
            while not pending.readable:
                self.news.clear()
                await self.news.wait()
            if not pending.inbox:
                break
            try:
                frames = self._flow.take(pending.inbox.popleft())
            except StreamCut:  # a frame is missing: it is fetched
                pending.behind = True
                pending.inbox.clear()
                continue
            for frame in frames:
                yield frame
        if pending.error is not None:
            raise pending.error
        if pending.behind:
            self._flow.watch()
            async for frame in super()._read():
                yield frame
            return
        self._flow.after(None, 0.0)
