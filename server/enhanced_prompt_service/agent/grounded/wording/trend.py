"""Courses: counts over time."""

from __future__ import annotations

from enhanced_prompt_service.domain.events import GroupBy

from .absence import say_nothing
from .common import Said, group_facts, say_total
from .groups import NOUNS, counts_of, recorded_groups, say_group, say_hour
from .text import Text, many

MOST_POINTS = 31


def compose_trend(text: Text, said: Said) -> None:
    """Counts over time, in order; hours that were recorded and saw nothing are zeros."""
    by = said.query.group_by or GroupBy.LOCAL_HOUR
    if not said.findings.total_matches:
        say_nothing(text, said)
        return
    say_total(text, said)
    counts = counts_of(said, by)
    report = said.findings.coverage
    zeros: set[str] = set()
    if report is not None and len(report.recorded) < 50 and said.query.mask is None:
        zeros = recorded_groups(said, by)
    ordered = {key: counts.get(key, 0) for key in sorted(set(counts) | zeros)}
    peak, most = next(iter(counts.items()))
    shown = list(ordered.items())
    texts: dict[str, str] = {}
    text.add(f" By {NOUNS[by]}:" if len(shown) <= MOST_POINTS else f" The busiest {NOUNS[by]}s:")
    if len(shown) > MOST_POINTS:
        shown = sorted(list(counts.items())[:10])
    one_day = by is GroupBy.LOCAL_HOUR and len({key[:10] for key in ordered}) == 1
    for key, count in shown:
        name = say_hour(key[11:]) if one_day else say_group(said, by, key)
        text.add(f"\n• {name}: {many(count)}")
        texts[key] = many(count)
    name = say_hour(peak[11:]) if one_day else say_group(said, by, peak)
    text.add(f"\nMost: {name}, with {many(most)}.")
    texts[peak] = many(most)
    group_facts(text, by, ordered, texts)
