"""What is traced: a call, a turn, a model's call, a tool. Nothing, unless somebody collects it.

A span holds names, ids and numbers, never what was asked, answered or seen.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

Value = str | bool | int | float
Attributes = Mapping[str, Value]


class Span(Protocol):
    """Something that takes its time. It ends once, in the task in which it began."""

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""
        ...

    def end(self, failure: str = "") -> None:
        """It has ended. `failure` names how it failed, "" where it did not."""
        ...


class Tracing(Protocol):
    """Makes spans. Each belongs under the one that is under way in its task, or in the task that
    began its task."""

    def begin(
        self, name: str, attributes: Attributes | None = None, *, kind: str = "", parent: str = ""
    ) -> Span:
        """Something begins. `kind` is "server" or "client", "" for what stays inside; `parent` is
        a caller's `traceparent` header."""
        ...


class _NoSpan:
    def set(self, attributes: Attributes) -> None:
        """Nobody collects it."""

    def end(self, failure: str = "") -> None:
        """Nobody collects it."""


class NoTracing:
    """Nobody collects spans."""

    _span = _NoSpan()

    def begin(
        self, name: str, attributes: Attributes | None = None, *, kind: str = "", parent: str = ""
    ) -> Span:
        return self._span


NO_TRACING = NoTracing()


@contextmanager
def traced(
    tracing: Tracing, name: str, attributes: Attributes | None = None, *, kind: str = ""
) -> Generator[Span]:
    """A span around a block; what the block raises is how it failed."""
    span = tracing.begin(name, attributes, kind=kind)
    try:
        yield span
    except BaseException as error:
        span.end(type(error).__name__)
        raise
    span.end()
