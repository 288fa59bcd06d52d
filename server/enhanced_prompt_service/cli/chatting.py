"""`eps chat`: one question after the other, in one conversation.

Ctrl-C stops the answer, not the chat; what was said so far is kept. Where nothing is being
answered, Ctrl-C twice or Ctrl-D leaves. Without a terminal each line of standard input is a
question, and the exit code says whether all were answered.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from enhanced_prompt import Chat, ChatTurn, ConnectionFailed, EnhancedPromptError, PromptOptions

from . import terminal
from .asking import Detail, show_answer, show_rest
from .moments import parse_zone
from .session import INTERRUPTED, SERVICE_ERROR, ServerOption, connected
from .target import home

_PROMPT = "> "
_HISTORY_LINES = 1000


def chat(
    server: ServerOption = None,
    conversation: Annotated[
        str, typer.Option("--conversation", "-c", help="Go on with this conversation, or begin it.")
    ] = "",
    time_zone: Annotated[
        str, typer.Option(help="IANA zone of times in questions. Default: the cameras'.")
    ] = "",
    detail: Annotated[
        Detail, typer.Option(help="reasoning shows agents, tools and thinking as well.")
    ] = Detail.ANSWER,
    model: Annotated[str, typer.Option(help="One of the server's models.")] = "",
    evidence: Annotated[
        int, typer.Option(min=0, help="How many events of the evidence to show.")
    ] = 5,
) -> None:
    """Talk about what cameras saw: questions in one conversation, until Ctrl-D."""
    parse_zone(time_zone)
    with (
        connected(server) as client,
        client.chat(
            conversation_id=conversation, detail=detail.value, time_zone=time_zone
        ) as stream,
    ):
        talk = _Talk(stream, client.target, model, evidence)
        if sys.stdin.isatty():
            _at_a_terminal(talk)
        elif not talk.all_answered(_lines()):
            raise typer.Exit(SERVICE_ERROR)


class _Talk:
    """A conversation with a service."""

    def __init__(self, chat: Chat, target: str, model: str, evidence: int) -> None:
        self._chat = chat
        self._target = target
        self._options: PromptOptions = {"model": model}
        self._evidence = evidence

    @property
    def conversation_id(self) -> str:
        """The conversation, "" before it was heard of."""
        return "" if self._chat.ready is None else self._chat.conversation_id

    def all_answered(self, questions: Iterator[str]) -> bool:
        """Ask them all; whether none of them failed."""
        answers = [self.answered(question) for question in questions]
        return all(answers)

    def answered(self, question: str) -> bool:
        """Ask one and print what comes. An error is a line, and does not end the chat."""
        try:
            with self._chat.send(question, **self._options) as turn, self._stoppable(turn):
                show_answer(turn)
            if turn.cancelled:
                terminal.note("stopped; what was said is kept")
            else:
                show_rest(turn.response, self._evidence)
        except ConnectionFailed:
            terminal.error(f"no server answers at {self._target}")
        except EnhancedPromptError as error:
            terminal.error(str(error))
        else:
            return not turn.cancelled
        return False

    @contextmanager
    def _stoppable(self, turn: ChatTurn) -> Generator[None]:
        """Meanwhile Ctrl-C cancels the turn, and a second one interrupts."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        asked: list[bool] = []

        def interrupted(number: int, frame: Any) -> None:
            if asked or not turn.turn_id:
                raise KeyboardInterrupt
            asked.append(True)
            # From here it could wait for what the interrupted thread holds.
            threading.Thread(target=turn.cancel, daemon=True).start()

        before = signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _lines() -> Iterator[str]:
    """Questions of standard input, one a line."""
    for line in sys.stdin:
        if question := line.strip():
            yield question


def _at_a_terminal(talk: _Talk) -> None:
    terminal.note("Ask what your cameras saw. Ctrl-C stops an answer, Ctrl-D leaves.")
    with _history(home() / "chat_history"):
        interrupts = 0
        while interrupts < 2:
            try:
                question = input(_PROMPT).strip()
                interrupts = 0
                if question:
                    talk.answered(question)
                    terminal.line("")
            except EOFError:
                terminal.line("")
                break
            except KeyboardInterrupt:
                interrupts += 1
                terminal.line("")
                if interrupts == 1:
                    terminal.note("Ctrl-C again, or Ctrl-D, leaves.")
    if talk.conversation_id:
        terminal.note(f"Go on with: eps chat --conversation {talk.conversation_id}")
    if interrupts == 2:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _history(path: Path) -> Generator[None]:
    """Line editing with the questions of earlier chats, where there is readline."""
    try:
        import readline
    except ImportError:  # not on every platform
        yield
        return
    with suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(_HISTORY_LINES)
    try:
        yield
    finally:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            readline.write_history_file(path)
