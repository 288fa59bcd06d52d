"""One answer of models in the making: how far it is, what it may still use, where its words go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enhanced_prompt_service.turns import Turn

from .models import ChainRun, Reply
from .tools import Toolbox

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

THOUGHT = 80  # characters of reasoning that are shown at a time, where no line ends before


@dataclass(frozen=True, slots=True)
class ModelBudget:
    """What one answer may use before it has to be given: calls of models, tokens in and out, and
    seconds. What is over budget is answered from what was found until then."""

    steps: int = 6
    tokens: int = 60_000
    seconds: float = 60.0


@dataclass(slots=True)
class Trail:
    """One answer in the making. `last` is the newest reply, None where it was of no use."""

    run: ChainRun
    toolbox: Toolbox
    messages: list[BaseMessage]
    started: float
    steps: int = 0
    last: Reply | None = None


class TurnSink:
    """Shows what a model says; texts of several steps stand apart, reasoning comes in lines."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._apart = bool(turn.writer.said)
        self._thought = ""

    def text(self, delta: str) -> None:
        """More text."""
        if self._thought:
            self.flush()
        if self._apart:
            self._apart = False
            delta = f"\n\n{delta}"
        self._turn.writer.text(delta)

    def thinking(self, text: str) -> None:
        """More reasoning."""
        # A frame for each token of it would fill the log: text deltas are joined there, these not.
        self._thought += text
        if len(self._thought) >= THOUGHT or "\n" in text:
            self.flush()

    def flush(self) -> None:
        """Show the rest of what was thought."""
        thought, self._thought = self._thought, ""
        self._turn.writer.thinking(thought)

    def withdraw(self, failed_model: str, next_model: str) -> None:
        """The next model begins."""
        self.flush()
        self._apart = False
        self._turn.writer.withdraw(failed_model, next_model)
