"""Copies the logs of turns that run here to the bus, so that other replicas can read them.

Rule 11: a frame leaves for a reader only after the bus has accepted it. While the bus is away
frames go out unaccepted, and a crash may fail those turns; when it is back the whole log is added
again (adding is idempotent), because a bus may come back without its memory.

A process that was stopped for a while finds its command timed out, which looks like a bus that is
away. Another may have taken its turns over meanwhile: nothing goes out unaccepted from one that is
not sure of its lease.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from enhanced_prompt_service.domain.bus import Bus, LogEntry, Superseded
from enhanced_prompt_service.domain.errors import Unavailable

from .log import Copier, TurnLog

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0


async def relay(
    log: TurnLog,
    bus: Bus,
    *,
    keep_s: float,
    give_up_s: float,
    leased: Callable[[], bool],
    on_superseded: Callable[[], None],
) -> None:
    """Copy a gated log to its end, then let the bus keep it for `keep_s`.

    `leased` says whether this process is sure that its turns are still its own.

    When the bus is still away `give_up_s` after the log ended, nobody elsewhere will read it: the
    stored answer stands for it. Where another runner has begun the next attempt (this process was
    stopped for a while), nothing more is shown of this one, and `on_superseded` is called.
    """
    copier = log.copier()
    if not bus.up and leased():  # it is known to be away: no reader waits for its time-out
        log.set_gated(False)
    try:
        while entries := await copier.take():
            if not await _deliver(log, copier, bus, entries, give_up_s, leased):
                return
    except Superseded:
        on_superseded()
        return
    try:
        await bus.expire_log(log.turn_id, keep_s)
    except Unavailable:
        return  # it then goes by the time that the bus gave it with its last frame


async def _deliver(
    log: TurnLog,
    copier: Copier,
    bus: Bus,
    entries: list[LogEntry],
    give_up_s: float,
    leased: Callable[[], bool],
) -> bool:
    loop = asyncio.get_running_loop()
    wait_s = _FIRST_WAIT_S
    ended_at: float | None = None
    while True:
        try:
            await bus.append(log.turn_id, log.attempt, entries)
        except Unavailable:
            log.set_gated(not leased())
            if log.ended:
                ended_at = loop.time() if ended_at is None else ended_at
                if loop.time() - ended_at >= give_up_s:
                    log.set_gated(False)  # what ended here, and was stored, is shown
                    return False
            await asyncio.sleep(random.uniform(0.5, 1.0) * wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            entries = copier.all()
            continue
        copier.accepted(entries[-1].sequence)
        log.set_gated(True)
        return True
