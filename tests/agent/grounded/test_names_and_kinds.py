"""Names, nouns and verbs against a catalogue and the kinds that occur."""

from __future__ import annotations

import pytest

from enhanced_prompt_service.agent.grounded.index import Index
from enhanced_prompt_service.agent.grounded.question import Question, read_question
from enhanced_prompt_service.agent.grounded.words import name_words, stem, tokenise

from .mill import make_index


@pytest.fixture(scope="module")
def index() -> Index:
    return make_index()


def ids(question: Question) -> list[str]:
    return [one.id for mention in question.mentions for one in mention.entities]


# ---- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forms",
    [
        ("open", "opens", "opened", "opening"),
        ("stop", "stops", "stopped", "stopping"),
        ("carry", "carries", "carried", "carrying"),
        ("ride", "rides", "riding", "rode"),
        ("close", "closes", "closed", "closing"),
        ("vehicle", "vehicles"),
        ("person", "people", "persons"),
        ("bus", "buses"),
        ("reverse", "reverses", "reversed", "reversing"),
    ],
)
def test_forms_of_one_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_short_nouns_are_not_taken_for_verbs() -> None:
    assert stem("site") != stem("sits")


@pytest.mark.parametrize("name", ["G330", "G-330", "g 330", "G_330", "G0330"])
def test_spellings_of_an_id_are_the_same_words(name: str) -> None:
    assert name_words(name) == ("g", "330")


def test_tokens_know_where_they_stand() -> None:
    text = "What’s on G-330’s clip at 2pm?"
    for token in tokenise(text):
        assert text[token.start : token.end].lower().startswith(token.text[:1])


# ---- names --------------------------------------------------------------------------------------

NAMES = {
    "what happened at the north gate": ["m-01"],
    "what happened at gate north": ["m-01"],
    "what did the North Gate camera see": ["m-01"],
    "camera 1 today": ["m-01"],
    "cam #1 today": ["m-01"],
    "camera one today": ["m-01"],
    "m-01 today": ["m-01"],
    "M01 today": ["m-01"],
    "cameras 1 and 3": ["m-01", "m-03"],
    "cameras 11, 12 and 13": ["p-11", "p-12", "p-13"],
    "in the boiler house": ["m-03"],
    "in the boiler": ["m-03"],
    "at the cafeteria": ["m-04"],
    "at the paper mill": ["mill"],
    "at pier nine": ["pier9"],
    "in the canten": ["m-04"],
    "near the furnace door": ["furnace"],
    "the ferry ramp of the harbour": ["p-13", "pier9"],
}


@pytest.mark.parametrize("text", NAMES)
def test_a_name_is_found_however_it_is_said(text: str, index: Index) -> None:
    assert ids(read_question(text, index)) == NAMES[text]


def test_a_number_must_be_exact(index: Index) -> None:
    [mention] = read_question("camera 2 please and hurry", index).mentions
    assert [one.id for one in mention.entities] == ["m-02"]
    [unknown] = read_question("camera 14 please", index).mentions
    assert unknown.entities == ()


def test_what_looks_like_an_id_and_is_none_is_an_unknown_name(index: Index) -> None:
    [mention] = read_question("what did m-77 see", index).mentions
    assert mention.entities == ()
    assert mention.said == "M-77"


# ---- nouns and verbs ----------------------------------------------------------------------------

KINDS = {
    "how many people": {"person_carries_ladder", "person_clocks_in", "person_walks"},
    "did anyone walk by": {"person_walks"},
    "someone carrying a ladder": {"person_carries_ladder"},
    "ladders": {"person_carries_ladder"},
    "vehicles": {"vehicle_arrives", "vehicle_departs"},
    "did a vehicle leave": {"vehicle_departs"},
    "departures": {"vehicle_departs"},
    "gates opened": {"gate_opens"},
    "was the gate opening": {"gate_opens"},
    "smoke": {"smoke_detected"},
    "barking dogs": {"dog_barks"},
    "any animals": {"dog_barks"},
    "shift workers": {"person_clocks_in"},
    "people and vehicles": {
        "person_carries_ladder",
        "person_clocks_in",
        "person_walks",
        "vehicle_arrives",
        "vehicle_departs",
    },
    "events": None,
    "activity": None,
    "anything": None,
}


@pytest.mark.parametrize("text", KINDS)
def test_a_noun_or_verb_means_its_kinds(text: str, index: Index) -> None:
    chosen = read_question(text, index).chosen
    wanted = KINDS[text]
    assert (None if chosen.pairs is None else {pair[0] for pair in chosen.pairs}) == wanted


LABELS = {
    "trucks": {("vehicle_arrives", "truck"), ("vehicle_departs", "truck")},
    "tankers": {("vehicle_arrives", "truck"), ("vehicle_departs", "truck")},
    "cars arriving": {("vehicle_arrives", "car")},
    "trucks that left": {("vehicle_departs", "truck")},
}


@pytest.mark.parametrize("text", LABELS)
def test_a_label_narrows_its_types(text: str, index: Index) -> None:
    assert read_question(text, index).chosen.pairs == LABELS[text]


@pytest.mark.parametrize("text", LABELS)
def test_kinds_come_back_from_the_selection_that_they_make(text: str, index: Index) -> None:
    pairs = read_question(text, index).chosen.pairs
    narrow = index.kinds.narrowing(pairs)
    back = index.kinds.pairs_of(narrow.event_types, narrow.labels, either=narrow.type_or_label)
    assert back == pairs


@pytest.mark.parametrize("text", ["elephants", "a submarine at the pier", "red hats"])
def test_a_noun_that_fits_nothing_stays_unknown(text: str, index: Index) -> None:
    question = read_question(text, index)
    assert question.unknown
    assert question.chosen.pairs is None


def test_a_slip_of_the_pen_is_read_over_and_told(index: Index) -> None:
    question = read_question("vehicels at the mill", index)
    assert ("vehicels", "vehicles") in question.typos
    assert question.chosen.pairs is not None


@pytest.mark.parametrize("word", ["cats", "house", "roof", "airport", "testing", "boots"])
def test_plain_words_are_not_mistaken_for_mistyped_ones(word: str, index: Index) -> None:
    assert index.correct(word) == word
