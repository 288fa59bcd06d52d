"""Events that somebody posts in a form of their own, before they are events of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .errors import FieldViolation
from .events import Event


@dataclass(frozen=True, slots=True)
class Posted:
    """A body, what it is said to be, and what stood beside it. Names of headers are in lower case.
    `site` is that of events which name none."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    site: str = ""


@dataclass(frozen=True, slots=True)
class NoEvent:
    """One of those posted that is no event, and what is wrong with it."""

    event_id: str
    violation: FieldViolation


class PostedReader(Protocol):
    """Makes events of a body, each in its place. Raises InvalidArgument where the body as a whole
    can't be read; its fields are `body` and names of headers."""

    def __call__(self, posted: Posted, /) -> Sequence[Event | NoEvent]: ...
