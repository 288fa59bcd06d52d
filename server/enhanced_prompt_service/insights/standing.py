"""Hits of standing questions: pure, from the events that a rule chooses to what is to be told.

A question is looked at every few seconds, over the last minutes of its times: an event counts once,
however often it is read, by its id, and only where it came within `LATE` of its start. So a late
event is a hit, and a history that is imported is none. The hits of one stretch of the question's
times (a night "between 22:00 and 06:00"; an hour, where it holds all day) are one insight that
grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..domain.catalogue import Catalogue, Site
from ..domain.events import Event
from ..domain.evidence import evidence_of
from ..domain.insights import InsightDraft, InsightType, period
from ..domain.standing import Progress, Rule, Spell, StandingQuestion
from ..domain.times import Interval

LATE = timedelta(minutes=10)
"""How long after its start an event may come and still be a hit."""
BEHIND = timedelta(hours=24)
"""After a longer pause of the service the hits before that are not told any more."""
EVIDENCE = 10
_HOUR = timedelta(hours=1)
_MOST_NAMES = 4


@dataclass(frozen=True, slots=True)
class Step:
    """What came of looking once: what the question remembers from now on, what is to be told,
    how many insights of it are new, and when the newest hit began (None: no hit)."""

    progress: Progress
    drafts: tuple[InsightDraft, ...] = ()
    begun: int = 0
    last_hit: datetime | None = None


def windows(rule: Rule, progress: Progress, now: datetime) -> tuple[Interval, ...]:
    """Where hits may lie that were not told yet; empty outside of the question's times.

    `now` is site time. A site clock that was set back says nothing until it has passed where it
    was.
    """
    start = max(progress.since, progress.position - LATE, now - BEHIND)
    if start >= now:
        return ()
    return _masked(rule, Interval(start, now))


def past(rule: Rule, now: datetime, length: timedelta) -> tuple[Interval, ...]:
    """The question's times so far back."""
    return _masked(rule, Interval(now - length, now))


def look(
    question: StandingQuestion, events: Iterable[Event], now: datetime, catalogue: Catalogue
) -> Step:
    """Take in the events that the rule chooses in `windows`, in any order."""
    rule, progress = question.rule, question.progress
    known = {site.site_id: site for site in catalogue.sites}
    fresh = sorted(
        (one for one in events if one.event_id not in progress.seen),
        key=lambda one: (one.start_time, one.event_id),
    )
    spells = {one.start: one for one in progress.spells}
    found: dict[datetime, list[Event]] = {}
    begun = 0
    for one in fresh:
        window = _window(rule, one.start_time)
        spell = spells.get(window.start)
        begun += spell is None
        spells[window.start] = _with(spell, window, one, known.get(one.site))
        found.setdefault(window.start, []).append(one)
    position = max(progress.position, now)
    seen = {**progress.seen, **{one.event_id: one.start_time for one in fresh}}
    # What may be read again is kept, and a minute more: the position is not stored every time.
    oldest = position - LATE - timedelta(minutes=2)
    kept = Progress(
        progress.since,
        position,
        {name: at for name, at in seen.items() if at >= oldest},
        tuple(spells[at] for at in sorted(spells) if spells[at].end >= oldest),
    )
    drafts = tuple(
        _draft(question, spells[start], hits, known) for start, hits in sorted(found.items())
    )
    return Step(kept, drafts, begun, fresh[-1].start_time if fresh else None)


def key_of(question: StandingQuestion, start: datetime) -> str:
    """The dedupe_key of the insight of the window that begins then."""
    return f"standing_question:{question.standing_question_id}:{start:%Y%m%dT%H%M%SZ}"


# ---- below --------------------------------------------------------------------------------------


def _masked(rule: Rule, within: Interval) -> tuple[Interval, ...]:
    if rule.mask is None:
        return (within,)
    return tuple(rule.mask.intervals(within, rule.zone_info))


def _window(rule: Rule, at: datetime) -> Interval:
    """The stretch of the question's times that an instant lies in; its hour where they are whole
    days, or run on from one day to the next."""
    hour = Interval(start := at.replace(minute=0, second=0, microsecond=0), start + _HOUR)
    if rule.mask is None or not rule.mask.ranges:
        return hour
    around = Interval(at - timedelta(hours=26), at + timedelta(hours=26))
    parts = rule.mask.intervals(around, rule.zone_info)
    found = next((one for one in parts if one.start <= at < one.end), hour)
    return found if around.start < found.start and found.end < around.end else hour


def _with(spell: Spell | None, window: Interval, event: Event, site: Site | None) -> Spell:
    at = event.start_time
    old = spell or Spell(window.start, window.end, 0, at, at)
    return replace(
        old,
        hits=old.hits + 1,
        first=min(old.first, at),
        last=max(old.last, at),
        cameras=_more(old.cameras, (event.camera_id,)),
        sites=_more(old.sites, (event.site,)),
        zones=_more(old.zones, event.zones),
        restricted=old.restricted or _restricted(event, site),
    )


def _restricted(event: Event, site: Site | None) -> bool:
    if site is None:
        return False
    local = event.start_time.astimezone(site.zone_info)
    return any(
        mask.contains(local)
        for zone in site.zones
        if zone.zone_id in event.zones
        for mask in zone.restricted
    )


def _more(names: tuple[str, ...], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *others)))


def _draft(
    question: StandingQuestion, spell: Spell, events: Sequence[Event], known: Mapping[str, Site]
) -> InsightDraft:
    rule = question.rule
    window = Interval(spell.first, max(spell.last, spell.first) + timedelta(seconds=1))
    first, last = (at.astimezone(rule.zone_info) for at in (spell.first, spell.last))
    asked = " ".join(question.query.split())
    often = "once" if spell.hits == 1 else f"{spell.hits:,} times"
    when = f"at {first:%H:%M:%S}"
    if spell.hits > 1:
        when = f"from {first:%H:%M:%S} to {last:%H:%M:%S}"
    where = _spoken(spell.cameras, known)
    return InsightDraft(
        type=InsightType.SECURITY_ANOMALY,
        severity=question.severity,
        title=f"{where}: {asked}",
        message=(
            f"It happened {often}, {when} ({rule.zone}). You asked: “{asked[:500]}”. "
            f"{rule.interpretation.rendered}"
        ),
        window=window,
        dedupe_key=key_of(question, spell.start),
        restricted=spell.restricted,
        observed=float(spell.hits),
        unit="events",
        score=float(spell.hits),
        analysis_period=period(Interval(spell.start, spell.end), rule.zone_info),
        cameras=spell.cameras,
        sites=spell.sites,
        zones=spell.zones,
        event_count=spell.hits,
        evidence=tuple(evidence_of(one, known.get(one.site)) for one in events[-EVIDENCE:]),
        suggested_actions=("Look at the clips.",),
        standing_question_id=question.standing_question_id,
        metadata={"detector": "standing_question", "user_id": question.owner.user},
    )


def _spoken(cameras: Sequence[str], known: Mapping[str, Site]) -> str:
    names = {
        one.camera_id: one.name or one.camera_id for site in known.values() for one in site.cameras
    }
    said = [names.get(one, one) for one in cameras[:_MOST_NAMES]]
    return ", ".join(said) + (" and others" if len(cameras) > _MOST_NAMES else "")
