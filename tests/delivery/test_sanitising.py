"""Text as it leaves."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.delivery.bodies import payload
from enhanced_prompt_service.delivery.sanitising import clean, clean_text

from .kit import entry

BAD = "\x00\x07\x1b\x7f\x85\u202e\u2066\ud800"


def test_control_and_turning_characters_go_and_lines_stay() -> None:
    assert clean_text("a\x1b[31mb\u202ec\u2069\td\ne\r\x00") == "a[31mbc\td\ne"
    assert clean_text("half \ud83d") == "half \ufffd"
    assert clean_text("whole \U0001f600 \u05d0 é") == "whole \U0001f600 \u05d0 é"


def test_html_is_neutralised_where_that_is_asked_for_and_addresses_stay() -> None:
    document = {
        "response": "<b>1 & 2</b>",
        "clip_links": ["https://a.example/?a=1&b=2"],
        "evidence": [{"description": "<i>", "clip_url": "https://a.example/?a&b", "zones": ["<"]}],
    }
    assert clean(document) == document
    assert clean(document, html=True) == {
        "response": "&lt;b&gt;1 &amp; 2&lt;/b&gt;",
        "clip_links": ["https://a.example/?a=1&b=2"],
        "evidence": [
            {"description": "&lt;i&gt;", "clip_url": "https://a.example/?a&b", "zones": ["&lt;"]}
        ],
    }


@given(st.text(st.sampled_from("ab<&" + BAD), max_size=30), st.data(), st.booleans())
def test_citations_move_with_the_text(text: str, data: st.DataObject, html: bool) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    cited = {"event_id": "e", "start": start, "end": end}
    found = clean({"response": text, "citations": [cited]}, html=html)
    (moved,) = found["citations"]
    span = found["response"][moved["start"] : moved["end"]]
    assert span == clean_text(text[start:end], html=html)


@given(st.text(st.characters() | st.sampled_from(BAD + '<>&\\"bfnru'), max_size=40), st.booleans())
def test_the_quick_look_misses_nothing(text: str, html: bool) -> None:
    for ascii_only in (True, False):
        written = json.dumps({"response": text}, ensure_ascii=ascii_only)
        sent = json.loads(payload(entry(1, payload=_storable(written)), html=html))
        assert sent["response"] == clean_text(_read(written), html=html)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _read(written: str) -> str:
    return str(json.loads(_storable(written))["response"])
