"""Logs of turns that run on other replicas, followed here: one a turn, whoever reads it.

A mirror is a `TurnLog` that is filled from the bus, so that readers here are readers like all
others; a thousand of them cost the bus one range read a growth. Each second without news it looks
whether the runner still lives: a lost one closes its readers within 5 s (rule 10).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from enhanced_prompt_service.domain.bus import Bus, Listener, log_channel
from enhanced_prompt_service.domain.errors import NotFound, Reason, ServiceError, Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import TurnStore
from enhanced_prompt_service.domain.turns import (
    Failed,
    FrameKind,
    TurnError,
    TurnRow,
)

from .log import Encode, TurnLog

_log = structlog.get_logger("eps.turns")

Decode = Callable[[bytes], Failed]
"""The payload of an encoded `failed` frame, given by the composition root: readers end with its
status. All other frames are passed on as bytes."""

LOOK_S = 1.0
"""Without a signal, a mirror looks by itself so often."""

WATCHED_S = 30.0
"""How long one sign of a watcher keeps a turn from counting as unwatched."""


def watched_key(turn_id: str) -> str:
    """The value in the bus that says that somebody, somewhere, reads a turn."""
    return f"watched:{turn_id}"


@dataclass(frozen=True, slots=True)
class MirrorParts:
    """What following needs."""

    bus: Bus
    turns: TurnStore
    encode: Encode
    decode: Decode


class Mirror:
    """One turn of another replica, followed while it has readers."""

    def __init__(self, parts: MirrorParts, caller: Caller, row: TurnRow) -> None:
        self._parts = parts
        self._caller = caller
        self._row = row
        self.log = TurnLog(row.turn_id, row.attempt, parts.encode)
        self.readers = 0
        self.task: asyncio.Task[None] | None = None
        self._over = False  # seen in SQL: this attempt runs no more

    @property
    def lost(self) -> bool:
        """Whether its readers were told that it can't be followed; new ones need another."""
        return self.log.ended and not self.log.closed

    async def load(self) -> None:
        """Read what the bus has now. Raises Unavailable."""
        while await self._read():
            pass

    async def follow(self) -> None:
        """Go on until the log has ended. Raises nothing but its own cancellation."""
        try:
            async with self._parts.bus.listen(log_channel(self._row.turn_id)) as listener:
                await self._follow(listener)
        except NotFound:
            self.log.abandon(
                TurnError(
                    Reason.CONVERSATION_NOT_FOUND, "the conversation was deleted", retryable=False
                )
            )
        except ServiceError as error:
            # The way to the turn is lost, not the turn: no closing frame says so.
            self.log.cut(error)
        except Exception:  # it would end the task group, and with it every turn
            _log.exception("a turn of another replica can't be followed", turn_id=self._row.turn_id)
            self.log.cut(
                Unavailable(
                    "the turn can't be followed from here now",
                    reason=Reason.BUS_UNAVAILABLE,
                    retry_after_s=1.0,
                )
            )

    async def _follow(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        say_so_at = loop.time()
        # Whoever leaves last cancels this; the bus's driver may take a cancellation for a time-out,
        # so that it is also asked here.
        while self.readers > 0:
            if loop.time() >= say_so_at:
                say_so_at = loop.time() + WATCHED_S / 3
                await self._parts.bus.put(watched_key(self._row.turn_id), b"1", WATCHED_S)
            grew = await self._read()
            if self.log.ended:
                return
            if not grew and not await listener.wait(LOOK_S):
                await self._check_runner()

    async def _read(self) -> bool:
        """Take over what is new; True when there was anything."""
        row, log = self._row, self.log
        after = log.last_sequence
        entries = await self._parts.bus.read(row.turn_id, row.attempt, after)
        if log.ended:
            return False
        for entry in entries:
            if entry.sequence <= log.last_sequence:
                continue  # a reader who came meanwhile read it as well
            if entry.sequence != log.last_sequence + 1:
                # The bus lost its memory: the stored answer will have to do.
                raise Unavailable(
                    "the turn's log has a gap; ask again in a moment",
                    reason=Reason.BUS_UNAVAILABLE,
                    retry_after_s=1.0,
                )
            failed = FrameKind(entry.kind) is FrameKind.FAILED
            log.mirror(entry, self._parts.decode(entry.encoded) if failed else None)
        return log.last_sequence > after

    async def _check_runner(self) -> None:
        row = await self._parts.turns.get_turn(self._caller, self._row.turn_id)
        if row.attempt != self._row.attempt or row.state.ended:
            # Its last frames may still be on their way: it is the next look that finds them gone.
            if self._over and not await self._read() and not self.log.ended:
                self._lose("the turn went on elsewhere")
            self._over = True
            return
        if not await self._parts.turns.runner_alive(row.runner):
            self._lose("the replica that ran this turn is gone")

    def _lose(self, message: str) -> None:
        kept = self.log.last_sequence > 1
        self.log.abandon(TurnError(Reason.RUNNER_LOST, message, retryable=True, partial_kept=kept))
