"""The request's filter, and masks in another zone than the sites'."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.times import Interval, union
from enhanced_prompt_service.domain.turns import QuestionFilter

from .draft import Draft
from .index import Index

MOST_MASK_WINDOWS = 400


def narrow(draft: Draft, narrowing: QuestionFilter, index: Index, now: datetime) -> None:
    """The request's filter narrows whatever the question says."""
    nothing = "The request's filter leaves nothing of what was asked for."
    draft.min_confidence = narrowing.min_confidence
    for name, wanted in (("cameras", narrowing.cameras), ("sites", narrowing.sites)):
        if not wanted:
            continue
        asked: frozenset[str] | None = getattr(draft, name)
        common = frozenset(wanted) if asked is None else asked & frozenset(wanted)
        if not common:
            draft.nothing = nothing
        else:
            setattr(draft, name, common)
    if narrowing.event_types:
        wanted_types = frozenset(narrowing.event_types)
        if draft.pairs is None:
            draft.types = wanted_types
        else:
            draft.pairs = frozenset(pair for pair in draft.pairs if pair[0] in wanted_types)
            if not draft.pairs:
                draft.nothing = nothing
    if narrowing.time_range is not None:
        wanted_range = narrowing.time_range
        if wanted_range.start >= now:
            draft.nothing = "The request's filter begins after the question's present."
            return
        cut = Interval(wanted_range.start, min(wanted_range.end, now))
        if not draft.windows:
            draft.windows = (cut,)
        else:
            kept = tuple(part for one in draft.windows if (part := one.intersect(cut)) is not None)
            if not kept:
                draft.nothing = nothing
            draft.windows = kept or draft.windows
        if draft.other is not None:
            other = draft.other.intersect(cut)
            if other is None:
                draft.nothing = nothing
            draft.other = other or draft.other
    del index


def mask_in_zone(draft: Draft, zone: ZoneInfo, index: Index) -> None:
    """Storage reads a mask in the zone of each site; where the question's is another one, the
    mask becomes windows."""
    if draft.mask is None:
        return
    zones = {str(one) for one in index.site_zones(draft.cameras, draft.sites).values()}
    if zones <= {str(zone)}:
        return
    pieces = [one for window in draft.windows for one in draft.mask.intervals(window, zone)]
    if len(pieces) <= MOST_MASK_WINDOWS and pieces:
        draft.windows = tuple(union(pieces))
        draft.mask = None
