"""A text that knows its facts: numbers enter it only together with what they mean."""

from __future__ import annotations

from collections.abc import Iterable

from enhanced_prompt_service.domain.answers import Citation, Evidence, Fact


class Text:
    """Builds a response, its facts and its citations side by side."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self.facts: list[Fact] = []
        self.citations: list[Citation] = []

    def add(self, *parts: str) -> Text:
        """Plain words."""
        for part in parts:
            self._parts.append(part)
            self._size += len(part)
        return self

    def fact(self, name: str, value: float, unit: str, *, group: str = "", text: str = "") -> Text:
        """A fact that stands beside the text."""
        self.facts.append(Fact(name, value, unit, group, text))
        return self

    def number(self, name: str, value: float, unit: str, text: str, *, group: str = "") -> Text:
        """A number in the text, with its fact."""
        self.fact(name, value, unit, group=group, text=text)
        return self.add(text)

    def cited(self, text: str, events: Iterable[Evidence | None]) -> Text:
        """Words that rest on evidence."""
        start = self._size
        self.add(text)
        for event in events:
            if event is not None:
                self.citations.append(Citation(event.event_id, start, self._size))
        return self

    @property
    def response(self) -> str:
        """The whole text."""
        return "".join(self._parts)


def many(count: int) -> str:
    """A count with its thousands apart: "1,843"."""
    return f"{count:,}"


def plural(count: int, noun: str) -> str:
    """ "event" or "events"."""
    return noun if count == 1 else noun + "s"
