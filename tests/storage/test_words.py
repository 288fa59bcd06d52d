"""Words of a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.storage.words import (
    MOST_TERMS,
    fts5_query,
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
