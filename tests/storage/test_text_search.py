"""Searching what events say: English stems, every word if possible, any text is safe."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.domain.events import GroupBy, Order, Selection
from enhanced_prompt_service.storage import Stores

from .makers import ME, event


async def _ids(stores: Stores, text: str, **rest: object) -> list[str]:
    page = await stores.events.page(
        ME,
        Selection(text=text, **rest),  # type: ignore[arg-type]
        order=Order.BEST_MATCH,
    )
    return [one.event_id for one in page.items]


async def test_types_labels_zones_descriptions_and_attributes_are_searched(
    stores: Stores,
) -> None:
    await stores.events.ingest(
        ME,
        [
            event("type", event_type="vehicle_stops"),
            event("label", label="bicycle"),
            event("sub_label", sub_label="Courier"),
            event("zone", zones=("loading-dock",)),
            event("description", description="Carries a HEAVY box."),
            event("attribute", attributes={"colour": "turquoise"}),
        ],
    )
    assert await _ids(stores, "vehicles") == ["type"]
    assert await _ids(stores, "bicycles") == ["label"]
    assert await _ids(stores, "courier") == ["sub_label"]
    assert await _ids(stores, "loading dock") == ["zone"]
    assert await _ids(stores, "heavy boxes") == ["description"]
    assert await _ids(stores, "Turquoise!") == ["attribute"]
    assert await _ids(stores, "colour") == []


async def test_words_are_compared_by_their_english_stems(stores: Stores) -> None:
    await stores.events.ingest(ME, [event("a", description="a man carrying heavy boxes")])
    for text in ("carries", "carry", "carried box", "box carrying"):
        assert await _ids(stores, text) == ["a"]


async def test_events_with_every_word_come_alone_and_else_those_with_any(
    stores: Stores,
) -> None:
    await stores.events.ingest(
        ME,
        [
            event("both", 0, description="red truck"),
            event("red", 1, description="red coat"),
            event("truck", 2, description="white truck", camera_id="G2"),
        ],
    )
    assert await _ids(stores, "red truck") == ["both"]
    assert (await stores.events.totals(ME, Selection(text="red truck"))).matches == 1
    assert set(await _ids(stores, "red bus")) == {"both", "red"}
    # Within the rest of the selection: camera G2 has nothing with both words.
    only = frozenset({"G2"})
    assert await _ids(stores, "red truck", cameras=only) == ["truck"]
    rows = await stores.events.grouped(
        ME, Selection(text="red truck", cameras=only), [GroupBy.CAMERA]
    )
    assert [(row.keys, row.matches) for row in rows] == [(("G2",), 1)]


async def test_the_better_match_comes_first(stores: Stores) -> None:
    noise = [event(f"n{n}", n, description="a person walks over the yard") for n in range(30)]
    await stores.events.ingest(
        ME,
        [
            *noise,
            event("once", 40, description="truck and many other words about the yard and weather"),
            event("twice", 41, description="truck truck"),
        ],
    )
    assert await _ids(stores, "truck") == ["twice", "once"]


async def test_events_with_more_of_the_words_come_first_on_every_page(stores: Stores) -> None:
    said = ["red truck", "red", "gate red truck box", "box", "red truck gate", "gate box"]
    found = [event(f"{len(text.split())}{n}", n, description=text) for n, text in enumerate(said)]
    await stores.events.ingest(ME, found)
    for text in ("red truck gate box zebra", "red truck gate box zebra lion wolf"):
        ids, token = list[str](), ""
        while True:
            page = await stores.events.page(
                ME,
                Selection(text=text),
                order=Order.BEST_MATCH,
                page_size=2,
                page_token=token,
            )
            ids += [one.event_id for one in page.items]
            token = page.next_page_token
            if not token:
                break
        assert [one[0] for one in ids] == ["4", "3", "2", "2", "1", "1"]
        assert len(set(ids)) == len(said)


async def test_stop_words_do_not_count_and_alone_find_nothing(stores: Stores) -> None:
    await stores.events.ingest(ME, [event("a", description="red truck near the gate")])
    assert await _ids(stores, "the truck is in there") == ["a"]
    assert await _ids(stores, "the of and") == []
    assert await _ids(stores, "😀 ?!") == []
    assert await _ids(stores, "  \n ") == ["a"]  # no text at all narrows nothing


async def test_accents_and_case_make_no_difference(stores: Stores) -> None:
    await stores.events.ingest(ME, [event("a", description="Frau Müller trägt Gepäck")])
    assert await _ids(stores, "MULLER gepack") == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        'red" OR truck',
        "red AND NOT truck*",
        "NEAR(red truck)",
        "words: red",
        "red:* & !truck | (",
        "'red'' \\",
        "^red -truck +gate",
        "\x00red\x00",
        "r\ud800ed",
        "red" * 4_000,
        "red " * 2_000,
        " ".join(f"word{number}" for number in range(1_500)),
        "½ ² ① ﬁ ß İ",
    ],
)
async def test_no_text_is_a_query_language(stores: Stores, text: str) -> None:
    await stores.events.ingest(ME, [event("a", description="red truck")])
    selection = Selection(text=text)
    totals = await stores.events.totals(ME, selection)
    for order in Order:
        page = await stores.events.page(ME, selection, order=order)
        assert len(page.items) == totals.matches


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(max_size=60))
async def test_an_event_is_found_by_any_word_of_its_own_description(
    stores: Stores, text: str
) -> None:
    await stores.events.ingest(ME, [event("a", description=text), event("b", 1)])
    totals = await stores.events.totals(ME, Selection(text=text + " person"))
    assert totals.matches in (1, 2)
    assert (await stores.events.get(ME, "a")).event_id == "a"
