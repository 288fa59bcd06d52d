"""Words of a text."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.storage.words import (
    MOST_TERMS,
    fts5_query,
    fts5_tiers,
    storable,
    terms,
    tsquery,
    words,
)

_any = st.text(st.characters(categories=None))


def test_words_are_lower_case_without_accents_or_signs() -> None:
    assert words("Größe: the LOADING-dock's café, G330!") == [
        *("grosse", "the", "loading", "dock", "s", "cafe", "g330")
    ]


def test_terms_are_different_words_without_stop_words() -> None:
    assert terms("the red, the RED and the truck") == ("red", "truck")
    assert len(terms(" ".join(f"w{number}" for number in range(100)))) == MOST_TERMS


@given(_any)
def test_a_query_holds_nothing_but_quoted_letters_and_digits(text: str) -> None:
    found = terms(text)
    assert all(one.isalnum() and len(one) <= 64 for one in found)
    assert fts5_query(found, every=True).replace('"', "").replace(" AND ", "") == "".join(found)
    assert tsquery(found, every=False).replace("'", "").replace(" | ", "") == "".join(found)


@given(_any)
def test_storable_text_is_what_both_databases_take(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    assert kept.encode().decode() == kept
    assert storable(kept) == kept
    if "\x00" not in text and not any("\ud800" <= one <= "\udfff" for one in text):
        assert kept == text


@pytest.mark.parametrize("count", [*range(1, 8), 12, MOST_TERMS])
def test_tiers_hold_each_text_with_any_word_once_and_those_with_most_words_first(
    count: int,
) -> None:
    asked = tuple(f"w{number}" for number in range(count))
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE texts USING fts5(words, tokenize = 'porter ascii')")
        said = [" ".join(asked[first::step]) for step in (2, 3, 5, 9) for first in range(step)]
        db.executemany("INSERT INTO texts (words) VALUES (?)", [(one,) for one in said])

        def found(query: str) -> list[str]:
            return [
                one for (one,) in db.execute("SELECT words FROM texts WHERE texts = ?", [query])
            ]

        tiers = [found(one) for one in fts5_tiers(asked)]
        assert sorted(chain.from_iterable(tiers)) == sorted(found(fts5_query(asked, every=False)))
        if count <= 5 and count > 1:
            sizes = [{len(one.split()) for one in tier} for tier in tiers]
            assert all(max(below) < min(above) for above, below in pairwise(filter(None, sizes)))
