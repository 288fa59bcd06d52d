"""What the detectors would have said over what is stored, and why each is silent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from ..domain.detection import DetectionStore
from ..domain.identity import Caller
from ..domain.insights import InsightDraft
from ..domain.stores import CatalogueStore
from .camera import DETECTORS
from .tenant import TenantWatch
from .words import Passed

_STEP_DAYS = 7


@dataclass(frozen=True, slots=True)
class Silent:
    """Why a detector says nothing at some of the cameras: reason and how many share its words.

    `cameras` is all that there are; `speaking` those at which it would speak if it had to.
    """

    detector: str
    cameras: int
    speaking: int
    reasons: tuple[tuple[str, int], ...]  # most common first


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome. `insights` are in order, each as it stood when it was over."""

    insights: tuple[InsightDraft, ...]
    silent: tuple[Silent, ...]
    slots: int  # that were closed, of all cameras together
    events: int


async def replay(
    store: DetectionStore,
    catalogue: CatalogueStore,
    caller: Caller,
    *,
    minutes: int,
    default_zone: str,
    until: datetime,
) -> Replayed:
    """Run the detectors from the first stored event to `until`; nothing is kept or published."""
    watch = TenantWatch(store, caller, minutes=minutes, default_zone=default_zone)
    known = await catalogue.catalogue(caller)
    said: list[InsightDraft] = []
    open_: dict[str, int] = {}
    slots = 0
    while closed := await watch.advance(until, known, _STEP_DAYS * 24 * 60 // minutes):
        cameras = sum(len(site.cameras) for site in watch.sites.values())
        slots += (closed.last - closed.first + 1) * cameras
        for _, word in closed.words:
            if isinstance(word, Passed):
                open_.pop(word.dedupe_key, None)
            else:
                at = open_.get(word.draft.dedupe_key)
                if at is None:
                    open_[word.draft.dedupe_key] = len(said)
                    said.append(word.draft)
                else:
                    said[at] = word.draft
    reasons: dict[str, defaultdict[str, int]] = {one: defaultdict(int) for one in DETECTORS}
    for site in watch.sites.values():
        for by_detector in site.why_silent().values():
            for detector, reason in by_detector.items():
                reasons[detector][_alike(reason)] += 1
    silent = tuple(
        Silent(
            detector,
            sum(found.values()),
            found.get("", 0),
            tuple(sorted(((why, n) for why, n in found.items() if why), key=lambda one: -one[1])),
        )
        for detector, found in reasons.items()
    )
    return Replayed(tuple(said), silent, slots, watch.counted)


def _alike(reason: str) -> str:
    """A reason without the figure of the single camera, so that cameras can be counted by it."""
    return reason.split(": has ", 1)[0]
