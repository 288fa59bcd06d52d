"""One way to use both clients, so that one test holds for each: the blocking one in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from enhanced_prompt import AsyncClient, Client, EnhancedPromptError, Frame


class Reading:
    """What a reader saw of a turn: its frames, and the error that ended it."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.frames: list[Frame] = []
        self.error: EnhancedPromptError | None = None

    @property
    def kinds(self) -> list[str]:
        """Kinds of the frames in their order."""
        return [frame.kind for frame in self.frames]


class Driver(Protocol):
    """A client of either kind, driven from a test's loop."""

    client: Any

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        """A method that returns a value."""
        ...

    async def collect(self, name: str, *args: Any, **options: Any) -> list[Any]:
        """A method that returns an iterator, read to its end."""
        ...

    async def read(self, query: str, **options: Any) -> Reading:
        """All frames of a turn."""
        ...

    async def text(self, query: str, **options: Any) -> list[str]:
        """A turn's text, in pieces."""
        ...

    async def first_frame_then_close(self, query: str) -> Frame:
        """One frame, and away."""
        ...

    async def result(self, query: str, **options: Any) -> Any:
        """`ask(...).result()`."""
        ...

    def chat(self, **options: Any) -> AbstractAsyncContextManager[Talk]:
        """A chat, closed at the end of the block."""
        ...

    async def close(self) -> None:
        """Close the client."""
        ...


class Talk(Protocol):
    """A chat of either kind."""

    chat: Any

    async def send(self, query: str, **options: Any) -> Any:
        """A turn."""
        ...

    async def read(self, turn: Any) -> Reading:
        """All frames of a turn."""
        ...

    async def next(self, turn: Any) -> Frame:
        """The next frame of a turn."""
        ...


class AsyncTalk:
    def __init__(self, chat: Any) -> None:
        self.chat = chat

    async def send(self, query: str, **options: Any) -> Any:
        return self.chat.send(query, **options)

    async def read(self, turn: Any) -> Reading:
        reading = Reading(turn)
        try:
            async for frame in turn:
                reading.frames.append(frame)
        except EnhancedPromptError as error:
            reading.error = error
        return reading

    async def next(self, turn: Any) -> Frame:
        return await anext(aiter(turn))


class SyncTalk:
    def __init__(self, chat: Any) -> None:
        self.chat = chat

    async def send(self, query: str, **options: Any) -> Any:
        return await asyncio.to_thread(self.chat.send, query, **options)

    async def read(self, turn: Any) -> Reading:
        reading = Reading(turn)

        def run() -> None:
            try:
                for frame in turn:
                    reading.frames.append(frame)
            except EnhancedPromptError as error:
                reading.error = error

        await asyncio.to_thread(run)
        return reading

    async def next(self, turn: Any) -> Frame:
        return await asyncio.to_thread(lambda: next(iter(turn)))


class AsyncDriver:
    """The asyncio client, as it is."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        return await getattr(self.client, name)(*args, **options)

    async def collect(self, name: str, *args: Any, **options: Any) -> list[Any]:
        return [one async for one in getattr(self.client, name)(*args, **options)]

    async def read(self, query: str, **options: Any) -> Reading:
        reading = Reading(self.client.ask(query, **options))
        try:
            async for frame in reading.stream:
                reading.frames.append(frame)
        except EnhancedPromptError as error:
            reading.error = error
        return reading

    async def text(self, query: str, **options: Any) -> list[str]:
        async with self.client.ask(query, **options) as stream:
            return [piece async for piece in stream.text()]

    async def first_frame_then_close(self, query: str) -> Frame:
        async with self.client.ask(query) as stream:
            async for frame in stream:
                return frame
        raise AssertionError("no frame came")

    async def result(self, query: str, **options: Any) -> Any:
        return await self.client.ask(query, **options).result()

    @asynccontextmanager
    async def chat(self, **options: Any) -> AsyncGenerator[Talk]:
        async with self.client.chat(**options) as chat:
            yield AsyncTalk(chat)

    async def close(self) -> None:
        await self.client.close()


class SyncDriver:
    """The blocking client, in threads."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        return await asyncio.to_thread(getattr(self.client, name), *args, **options)

    async def collect(self, name: str, *args: Any, **options: Any) -> list[Any]:
        return await asyncio.to_thread(lambda: list(getattr(self.client, name)(*args, **options)))

    async def read(self, query: str, **options: Any) -> Reading:
        reading = Reading(self.client.ask(query, **options))

        def run() -> None:
            try:
                for frame in reading.stream:
                    reading.frames.append(frame)
            except EnhancedPromptError as error:
                reading.error = error

        await asyncio.to_thread(run)
        return reading

    async def text(self, query: str, **options: Any) -> list[str]:
        def run() -> list[str]:
            with self.client.ask(query, **options) as stream:
                return list(stream.text())

        return await asyncio.to_thread(run)

    async def first_frame_then_close(self, query: str) -> Frame:
        def run() -> Frame:
            with self.client.ask(query) as stream:
                return next(iter(stream))

        return await asyncio.to_thread(run)

    async def result(self, query: str, **options: Any) -> Any:
        return await asyncio.to_thread(self.client.ask(query, **options).result)

    @asynccontextmanager
    async def chat(self, **options: Any) -> AsyncGenerator[Talk]:
        chat = self.client.chat(**options)
        try:
            yield SyncTalk(chat)
        finally:
            await asyncio.to_thread(chat.close)

    async def close(self) -> None:
        await asyncio.to_thread(self.client.close)


DRIVERS: dict[str, Callable[..., Driver]] = {
    "asyncio": lambda target, options: AsyncDriver(AsyncClient(target, options=options)),
    "blocking": lambda target, options: SyncDriver(Client(target, options=options)),
}
