"""Structured logs: one JSON object a line on standard error, or coloured text for people."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog


class _StandardError:
    """Standard error as it is when a line is written. A line that can't be written (a closed
    terminal, a full pipe's end) is lost: it must not fail the call that it speaks of."""

    def write(self, text: str) -> int:
        """As a text stream's."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """As a text stream's."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str = "info", form: str = "json") -> None:
    """Set up logging for the process. Called once, by whoever owns the process; never by tests.

    `level` is the least severity shown (debug, info, warning, error); `form` json or console.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([structlog.processors.format_exc_info] if form == "json" else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    # Libraries that log through the standard library: warnings and worse, same stream.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
