"""What it costs to understand: a time phrase, and a whole question among a thousand cameras.

Measured in this process, call by call, with nothing stored and nothing sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from enhanced_prompt_service.agent.grounded.index import Index
from enhanced_prompt_service.agent.grounded.timegrammar import parse
from enhanced_prompt_service.agent.grounded.understand import understand
from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, Site
from enhanced_prompt_service.domain.events import Event, SeenKind
from enhanced_prompt_service.sources.meva_files import read_sample, sample_sites
from tests.eval.gold import Item, read_items
from tests.eval.phrases import Phrase, read_phrases

from ..figures import Figure, figure, percentile
from ..plan import Plan
from ..processes import ROOT

CAMERAS = 1_000
A_SITE = 24
EVAL = ROOT / "tests" / "eval"


async def measure(plan: Plan) -> list[Figure]:
    """Milliseconds a phrase and a question."""
    phrases = read_phrases(EVAL / "time_phrases.toml")
    items = [item for item in read_items(EVAL / "recorded.toml") if len(item.ask) == 1]
    index = _index(plan)
    runs = range(plan.runs)
    parsed = [_took([lambda one=one: _parse(one) for one in phrases]) for _ in runs]
    understood = [_took([lambda one=one: _understand(one, index) for one in items]) for _ in runs]
    question = f"understanding a question, {CAMERAS:,} cameras in the catalogue"
    return [
        figure(
            "understanding a time phrase, p50",
            "ms",
            [percentile(run, 0.5) for run in parsed],
            limit=0.2,
            note=f"{len(phrases)} phrases of the evaluation",
        ),
        figure(
            "understanding a time phrase, p99",
            "ms",
            [percentile(run, 0.99) for run in parsed],
            limit=0.2,
        ),
        figure(
            f"{question}, p50",
            "ms",
            [percentile(run, 0.5) for run in understood],
            limit=2,
            note=f"{len(items)} questions of the evaluation",
        ),
        figure(f"{question}, p99", "ms", [percentile(run, 0.99) for run in understood], limit=2),
    ]


def _took(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds of each call, after one of all to warm."""
    for call in calls:
        call()
    found: list[float] = []
    for call in calls:
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1e3)
    return found


def _parse(phrase: Phrase) -> object:
    return parse(phrase.text, now=phrase.now, zone=phrase.zone)


def _understand(item: Item, index: Index) -> object:
    return understand(item.ask[0], history=(), now=item.as_of, index=index, time_zone=item.zone)


def _index(plan: Plan) -> Index:
    """The recorded sites and as many invented ones beside them as make a thousand cameras."""
    sites = sample_sites(plan.data / "meva")
    have = sum(len(site.cameras) for site in sites)
    for number in range((CAMERAS - have) // A_SITE + 1):
        first = have + number * A_SITE
        cameras = tuple(
            Camera(f"C{one}", f"Branch {number} camera C{one}")
            for one in range(first, min(first + A_SITE, CAMERAS))
        )
        sites.append(Site(f"branch-{number}", "UTC", f"Branch {number}", cameras=cameras))
    events, _ = read_sample(plan.data / "meva")
    return Index(Catalogue(tuple(sites), "1"), _kinds(events), "UTC")


def _kinds(events: Sequence[Event]) -> list[SeenKind]:
    """What the store would list: a row for each camera and type."""
    groups: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        groups.setdefault((event.site, event.camera_id, event.event_type), []).append(event)
    return [
        SeenKind(
            *key,
            label="",
            sub_label="",
            zones=(),
            matches=len(group),
            first_start=min(event.start_time for event in group),
            last_start=max(event.start_time for event in group),
        )
        for key, group in groups.items()
    ]
