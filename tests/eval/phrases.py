"""Time phrases: what each one means, worked out by hand, and the score of a grammar on them."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.catalogue import DayParts
from enhanced_prompt_service.domain.times import RecurringMask

from .gold import Mask, to_instant

Parser = Callable[
    [str, datetime, ZoneInfo, DayParts], tuple[datetime, datetime, RecurringMask | None]
]


@dataclass(frozen=True)
class Phrase:
    """A phrase, its present and zone, and the window (and mask) that it means."""

    id: str
    text: str
    now: datetime
    zone: ZoneInfo
    start: datetime
    end: datetime
    mask: Mask | None


@dataclass(frozen=True)
class PhraseScore:
    """What the grammar made of a phrase; `problem` is "" when it is right."""

    phrase: Phrase
    problem: str
    seconds: float


def read_phrases(path: Path) -> list[Phrase]:
    """The phrases of a TOML file.

    `[[clock]]` has `zone`, `now` (local, or with offset) and `phrases`: rows of
    [phrase, start, end] or [phrase, start, end, "HH:MM-HH:MM,…", "ISO weekdays"], local times.
    """
    with path.open("rb") as file:
        clocks = tomllib.load(file)["clock"]
    found: list[Phrase] = []
    for clock in clocks:
        zone = ZoneInfo(clock["zone"])
        now = to_instant(clock["now"], zone)
        for row in clock["phrases"]:
            text, start, end, ranges, days = [*row, "", ""][:5]
            mask = Mask.of([r for r in ranges.split(",") if r], [int(day) for day in days])
            found.append(
                Phrase(
                    f"c-{len(found) + 1}",
                    text,
                    now,
                    zone,
                    to_instant(start, zone),
                    to_instant(end, zone, end=True),
                    mask,
                )
            )
    return found


def score_phrases(parse: Parser, phrases: Sequence[Phrase]) -> list[PhraseScore]:
    """Parses every phrase; an exception is a miss."""
    scores: list[PhraseScore] = []
    for phrase in phrases:
        begun = time.perf_counter()
        try:
            got = parse(phrase.text, phrase.now, phrase.zone, DayParts())
        except NotImplementedError:
            raise
        except Exception as error:
            problem = f"raised {type(error).__name__}: {error}"
            seconds = time.perf_counter() - begun
        else:
            seconds = time.perf_counter() - begun
            problem = compare(phrase, *got)
        scores.append(PhraseScore(phrase, problem, seconds))
    return scores


def compare(phrase: Phrase, start: datetime, end: datetime, mask: RecurringMask | None) -> str:
    """What is wrong with a reading, "" when nothing is.

    Windows must be the same. Masks are compared by what they hold, minute by minute over the
    window, since the same minutes can be written in more than one way.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    expected = f"{_local(phrase.start, phrase)} to {_local(phrase.end, phrase)}"
    got = f"{_local(start, phrase)} to {_local(end, phrase)}"
    if (start, end) != (phrase.start, phrase.end):
        return f"expected {expected}, got {got}"
    if (mask is None) != (phrase.mask is None):
        return f"expected mask {phrase.mask}, got {mask}"
    if mask is not None and phrase.mask is not None:
        at = start
        while at < end:
            local = at.astimezone(phrase.zone).replace(tzinfo=None)
            if mask.contains(local) != phrase.mask.holds(local):
                return f"expected mask {phrase.mask}, got {mask}: they differ at {local}"
            at += timedelta(minutes=5)
    return ""


def _local(instant: datetime, phrase: Phrase) -> str:
    return instant.astimezone(phrase.zone).isoformat(" ", timespec="auto")
