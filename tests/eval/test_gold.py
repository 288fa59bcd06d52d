"""The gold itself: every SQL runs, the sets have their sizes, nothing is asked twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.eval.gold import HERE, Gold, Item, Site, load_recorded_site, read_items
from tests.eval.simulated import WINDOW, load_simulated_site
from tests.eval.strange import read_strange
from tests.support import require

TYPES = {
    "recap",
    "count",
    "existence",
    "when",
    "rank",
    "compare",
    "trend",
    "dwell",
    "search",
    "recurring",
    "moment",
    "health",
    "follow-up",
    "clarify/refuse",
}
SIMULATED = HERE / "simulated.toml"
RECORDED = HERE / "recorded.toml"
HELD_OUT = HERE / "heldout.toml"


def asked(items: list[Item]) -> list[tuple[str, str]]:
    """Each item's words and present, without case, punctuation and spacing."""
    return [
        (re.sub(r"[^a-z0-9]+", " ", " / ".join(one.ask).lower()).strip(), one.as_of.isoformat())
        for one in items
    ]


@pytest.fixture(scope="module")
def simulated_site() -> Site:
    return load_simulated_site()


@pytest.fixture(scope="module")
def recorded_site() -> Site:
    require.data()
    return load_recorded_site()


def test_set_a_has_at_least_20_questions_of_every_type() -> None:
    counts = Counter(one.type for one in read_items(RECORDED))
    assert set(counts) == TYPES
    assert min(counts.values()) >= 20


def test_the_held_out_set_has_60_questions_over_every_type() -> None:
    items = read_items(HELD_OUT)
    assert len(items) == 60
    assert {one.type for one in items} == TYPES


def test_the_simulated_set_has_100_questions_over_every_type_and_30_for_the_smoke_set() -> None:
    items = read_items(SIMULATED)
    assert len(items) >= 100
    assert {one.type for one in items} == TYPES
    assert sum(one.smoke for one in items) == 30


def test_no_question_stands_twice_within_or_across_the_sets() -> None:
    items = read_items(RECORDED) + read_items(HELD_OUT) + read_items(SIMULATED)
    assert [one for one, n in Counter(asked(items)).items() if n > 1] == []
    assert [one for one, n in Counter(one.id for one in items).items() if n > 1] == []
    words = {question for question, _ in asked(read_items(RECORDED))}
    assert not words & {question for question, _ in asked(read_items(HELD_OUT))}


@pytest.mark.parametrize(
    "path", [RECORDED, HELD_OUT, SIMULATED], ids=["recorded", "heldout", "simulated"]
)
def test_an_item_checks_something(path: Path) -> None:
    for one in read_items(path):
        checks = (one.where, one.values, one.says, one.refers, one.response != "answer")
        assert any(checks), one.id
        if one.rank or one.trend or one.groups or one.first or one.last or one.longest or one.mean:
            assert one.where, one.id


@pytest.mark.data
@pytest.mark.parametrize("path", [RECORDED, HELD_OUT], ids=["recorded", "heldout"])
def test_every_gold_sql_runs_and_says_something(recorded_site: Site, path: Path) -> None:
    check_golds(recorded_site, read_items(path))


def test_every_gold_sql_over_the_simulated_site_runs_and_says_something(
    simulated_site: Site,
) -> None:
    check_golds(simulated_site, read_items(SIMULATED))


def check_golds(site: Site, items: list[Item]) -> None:
    """What the gold of a whole set must have."""
    golds = [(one, site.gold(one)) for one in items]
    for item, gold in golds:
        check_gold(item, gold)
    # Zeros are worth asking about, but a set of zeros would test nothing.
    totals = [gold.total for _, gold in golds if gold.total is not None]
    assert sum(total > 0 for total in totals) >= 0.75 * len(totals)


def check_gold(item: Item, gold: Gold) -> None:
    """What one item's gold must have."""
    assert gold.start is None or gold.end is None or gold.start < gold.end, item.id
    assert all(value is not None for value in gold.values.values()), item.id
    if item.groups:
        assert all(gold.groups.values()), item.id
    if item.rank and not item.uncovered:
        assert gold.ranking is not None
        assert len(gold.ranking[1]) >= item.top, item.id
    if gold.total:
        assert len(gold.matched) == gold.total, item.id
        assert item.longest == (gold.longest is not None), item.id
    if item.uncovered:
        assert gold.total == 0, item.id
        assert gold.recorded_seconds == 0, item.id


@pytest.mark.data
def test_the_recorded_site_is_the_one_that_the_gold_was_written_for(recorded_site: Site) -> None:
    assert recorded_site.scalar("SELECT count(*) FROM events") == 59_094
    assert recorded_site.scalar("SELECT count(*) FROM clips") == 1_946
    assert len(recorded_site.cameras()) == 24
    # Clocks went forward on March 11, hours before the recordings of that day: UTC-5, then UTC-4.
    offset = "SELECT max(start_ms) % 86400000 - max(minute) * 60000 FROM events WHERE date = "
    assert recorded_site.scalar(offset + "'2018-03-09'") // 3_600_000 == 5
    assert recorded_site.scalar(offset + "'2018-03-11'") // 3_600_000 == 4


def test_there_are_300_strange_inputs_and_none_stands_twice() -> None:
    inputs = read_strange(HERE / "strange.toml")
    assert len({one.text for one in inputs}) == len(inputs) >= 300
    assert len({one.id for one in inputs}) == len(inputs)
    assert max(len(one.text) for one in inputs) >= 8_000
    # Most of them must be turned away: a set that allows everything would test nothing.
    assert sum("answer" not in one.allow for one in inputs) >= 0.6 * len(inputs)


def test_the_simulated_site_goes_on_after_the_present_of_its_questions(
    simulated_site: Site,
) -> None:
    present = max(one.as_of for one in read_items(SIMULATED))
    assert WINDOW.contains(present)
    later = int(present.timestamp() * 1000)
    assert simulated_site.scalar(f"SELECT count(*) FROM events WHERE start_ms >= {later}") > 100
