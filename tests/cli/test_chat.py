"""`eps chat`: at a terminal of its own, and without one."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from enhanced_prompt import Client
from enhanced_prompt_service.cli.app import app as command

from .conftest import Service

# A process with its terminal as controlling one, so that the terminal's Ctrl-C reaches it.
AT_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
eps = [sys.executable, "-m", "enhanced_prompt_service.cli", "chat", *sys.argv[1:]]
os.execv(sys.executable, eps)
"""
CTRL_C, CTRL_D, UP = b"\x03", b"\x04", b"\x1b[A"


class Terminal:
    """What a person at `eps chat` types and sees."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.process = process
        self._seen = ""

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def ask(self, question: str) -> None:
        self.type(question.encode() + b"\r")

    def interrupt(self, expected: str) -> None:
        """Ctrl-C at the prompt. In the instant in which the prompt appears Python notices it with
        the end of the line only (it waits for keys after it looked for signals)."""
        self.type(CTRL_C)
        self.see(expected, nudge=b"\r")

    def see(self, text: str, nudge: bytes = b"") -> str:
        """Read on until it is there; returns all up to it."""
        while text not in self._seen:
            ready, _, _ = select.select([self._master], [], [], 2 if nudge else 30)
            if not ready and nudge:
                self.type(nudge)
                nudge = b""
                continue
            assert ready, f"waited for {text!r}, saw {self._seen!r}"
            try:
                data = os.read(self._master, 4096)
            except OSError:
                data = b""
            assert data, f"it ended without {text!r}: {self._seen!r}"
            self._seen += data.decode("utf-8", "replace")
        before, _, self._seen = self._seen.partition(text)
        return before + text

    def ended(self) -> int:
        return self.process.wait(30)


@contextmanager
def at_a_terminal(service: Service, home: Path, *arguments: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, "--server", service.address, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "EPS_HOME": str(home), "TERM": "xterm"},
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_questions_one_after_the_other_in_one_conversation(
    service: Service, client_home: Path, client: Client
) -> None:
    with at_a_terminal(service, client_home, "--conversation", "talk-1") as person:
        person.see("> ")
        person.ask("who came")
        person.see("You asked: who came")
        person.see("turn 1 of conversation talk-1")
        person.see("> ")
        person.ask("and then")
        person.see("You asked: and then")
        person.see("turn 2 of conversation talk-1")
        person.see("> ")
        person.type(CTRL_D)
        person.see("eps chat --conversation talk-1")
        assert person.ended() == 0
    assert client.get_conversation("talk-1").conversation.ai_responses == 2


def test_ctrl_c_stops_the_answer_and_not_the_chat(
    service: Service, client_home: Path, client: Client
) -> None:
    with at_a_terminal(service, client_home, "--conversation", "talk-2") as person:
        person.see("> ")
        person.ask("wait")
        person.see("You asked: ")
        person.type(CTRL_C)
        person.see("stopped; what was said is kept")
        person.see("> ")
        person.ask("who came")
        person.see("You asked: who came")
        person.see("turn 2 of conversation talk-2")
        person.see("> ")
        person.type(CTRL_D)
        assert person.ended() == 0
    responses = client.get_conversation("talk-2", include_responses=True).responses
    assert [one.response[:11] for one in responses] == ["You asked: "] * 2


def test_ctrl_c_twice_leaves_and_once_does_not(service: Service, client_home: Path) -> None:
    with at_a_terminal(service, client_home) as person:
        person.see("> ")
        person.interrupt("Ctrl-C again")
        person.see("> ")
        person.ask("who came")
        person.see("You asked: who came")
        person.see("> ")
        person.interrupt("Ctrl-C again")
        person.see("> ")
        person.interrupt("eps chat --conversation")
        assert person.ended() == 130


def test_an_error_is_a_line_and_the_chat_goes_on(service: Service, client_home: Path) -> None:
    with at_a_terminal(service, client_home) as person:
        person.see("> ")
        person.ask("fail")
        person.see("the model is away")
        person.see("> ")
        person.ask("who came")
        person.see("You asked: who came")
        person.see("> ")
        person.type(CTRL_D)
        assert person.ended() == 0


def test_questions_of_an_earlier_chat_come_back_and_are_the_readers_alone(
    service: Service, client_home: Path
) -> None:
    pytest.importorskip("readline")
    with at_a_terminal(service, client_home) as person:
        person.see("> ")
        person.ask("remember me")
        person.see("You asked: remember me")
        person.see("> ")
        person.type(CTRL_D)
        assert person.ended() == 0
    assert (client_home / "chat_history").stat().st_mode & 0o077 == 0
    with at_a_terminal(service, client_home) as person:
        person.see("> ")
        person.type(UP + b"\r")
        person.see("You asked: remember me")


def piped(service: Service, home: Path, text: str) -> Result:
    return CliRunner().invoke(
        command,
        ["chat", "--conversation", home.parent.name],
        input=text,
        env={"EPS_SERVER": service.address, "EPS_HOME": str(home), "COLUMNS": "200"},
    )


def test_without_a_terminal_each_line_is_a_question(service: Service, client_home: Path) -> None:
    result = piped(service, client_home, "who came\n\nand then\n")
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("You asked")] == [
        "You asked: who came[31m.",
        "You asked: and then[31m.",
    ]
    assert "> " not in result.stdout
    assert "\x1b" not in result.stdout
    assert "turn 2 of conversation" in result.stderr


def test_without_a_terminal_a_failure_is_the_exit_code(service: Service, client_home: Path) -> None:
    result = piped(service, client_home, "fail\nwho came\n")
    assert result.exit_code == 1
    assert "the model is away" in result.stderr
    assert "You asked: who came" in result.stdout
