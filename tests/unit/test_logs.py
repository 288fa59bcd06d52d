"""Log lines, and what happens when nobody can read them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from enhanced_prompt_service.logs import configure


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_line_is_one_json_object_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure("info", "json")
    structlog.get_logger("test").info("ended", outcome="OK")
    line = json.loads(stream.getvalue())
    assert line["event"] == "ended"
    assert line["outcome"] == "OK"
    assert line["level"] == "info"


def test_a_logger_writes_to_whatever_standard_error_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure("info", "json")
    log = structlog.get_logger("test")
    log.info("one")
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    log.info("two")
    assert json.loads(second.getvalue())["event"] == "two"


def test_a_line_that_cannot_be_written_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    gone.close()
    configure("info", "json")
    monkeypatch.setattr(sys, "stderr", gone)
    structlog.get_logger("test").info("lost")


def test_lines_below_the_level_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure("warning", "json")
    structlog.get_logger("test").info("quiet")
    assert stream.getvalue() == ""
