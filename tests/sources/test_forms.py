"""Lines, JSON and CSV: whatever bytes come, a row is good or is rejected, and none is lost."""

from __future__ import annotations

import csv as stdlib_csv
import gzip
import io
import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.domain.event_rules import event_violations
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.sources import lines
from enhanced_prompt_service.sources.checkpoints import Checkpoint
from enhanced_prompt_service.sources.csv import CsvForm
from enhanced_prompt_service.sources.frigate import FrigateOptions
from enhanced_prompt_service.sources.jsonl import decode
from enhanced_prompt_service.sources.lines import LineReader
from enhanced_prompt_service.sources.parsers import event_parser, frigate_parser
from enhanced_prompt_service.sources.rows import BadRow, RowOptions
from enhanced_prompt_service.sources.tables import BadFile, Entry, open_table

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["event_id", "start_time", "end_time", "site", "camera", "type", "label", "sub_label", "score",
     "zones", "actors", "duration", "attributes", "data", "after", "id", "clip_url", "has_clip"]
)  # fmt: skip
PLAUSIBLE = st.sampled_from(
    ["e1", "2026-03-01T12:00:00", "2026-03-01T12:00:00Z", 1772366400.5, 0.5, ["a"], ["Ann", 0.9],
     "person", {"type": "object", "top_score": 0.7}, None, True]
)  # fmt: skip
ROWS = st.dictionaries(KEYS, PLAUSIBLE | ANYTHING, max_size=12)


def entries(path: Path, begin: Checkpoint | None = None) -> list[Entry]:
    with open_table(path, begin) as table:
        found: list[Entry] = []
        while some := table.take(3):
            found.extend(some)
        return found


@given(ROWS)
@settings(deadline=None, max_examples=300)
def test_any_object_is_an_event_or_a_rejected_row(row: dict[str, Any]) -> None:
    for parser in (
        event_parser(RowOptions(time_zone="America/New_York", derive_ids=True)),
        frigate_parser(FrigateOptions("home", "http://nvr")),
    ):
        try:
            found = parser.parse(row)
        except BadRow:
            continue
        assert found is None or not event_violations(cast(Event, found))


@given(ANYTHING.map(json.dumps) | st.text())
@settings(deadline=None)
def test_any_line_decodes_to_an_object_or_says_why_not(text: str) -> None:
    try:
        found = decode(text)
    except BadRow:
        return
    assert isinstance(found, dict)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "1" * 5_000, '{"a": NaN}', "{"])
def test_extreme_lines_are_rejected(text: str) -> None:
    with pytest.raises(BadRow):
        decode(text)


@given(st.binary(max_size=400), st.sampled_from(["x.jsonl", "x.csv", "x.json"]))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_read_to_their_end_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    try:
        found = entries(path)
    except BadFile:
        return
    assert all((one.row is None) != (one.problem is None) for one in found)


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), max_size=12),
    st.booleans(),
)
def test_every_line_is_read_once_and_positions_lead_on(texts: list[str], ended: bool) -> None:
    data = "\n".join(texts).encode() + (b"\n" if ended else b"")
    whole = list(LineReader(io.BytesIO(data)).records())
    said = [text.removeprefix("\ufeff") if not n else text for n, text in enumerate(texts)]
    assert [one.text for one in whole] == [text for text in said if text.strip()]
    for number, record in enumerate(whole):
        rest = list(LineReader(io.BytesIO(data), record.position, record.next_line).records())
        expected = whole[number + 1 :] if record.complete else whole[number:]
        assert [one.text for one in rest] == [one.text for one in expected]
        assert [one.line for one in rest] == [one.line for one in expected]


def test_an_unfinished_line_is_left_when_more_may_come() -> None:
    stream = io.BytesIO(b'{"a":1}\n{"b"')
    reader = LineReader(stream)
    assert [one.text for one in reader.records(partial=False)] == ['{"a":1}']
    stream.seek(0, io.SEEK_END)
    stream.write(b":2}\n")
    assert [one.text for one in reader.records(partial=False)] == ['{"b":2}']


def test_an_overlong_line_is_rejected_and_the_next_one_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "MAX_RECORD", 64)
    data = b"x" * 500 + b"\n" + b"fine\n"
    found = list(LineReader(io.BytesIO(data)).records())
    assert [(one.line, one.text, bool(one.problem)) for one in found] == [
        (1, "", True),
        (2, "fine", False),
    ]


def test_bytes_that_are_no_text_are_rejected_alone(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\xff\xfe\n\n{"b":2}')
    found = entries(path)
    assert [(one.line, one.row) for one in found] == [(1, {"a": 1}), (2, None), (4, {"b": 2})]


# ---- csv ----------------------------------------------------------------------------------------

CELL = st.text(st.characters(exclude_characters="\r\0", codec="utf-8"), max_size=12)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), st.sampled_from(",;\t"))
@settings(deadline=None)
def test_what_a_csv_writer_writes_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = stdlib_csv.writer(
            file, delimiter=delimiter, lineterminator="\n", quoting=stdlib_csv.QUOTE_ALL
        )
        writer.writerow(["first", "second"])
        writer.writerows(rows)
    expected = [
        {name: cell for name, cell in zip(("first", "second"), row, strict=True) if cell.strip()}
        for row in rows
    ]
    assert [one.row for one in entries(path)] == expected


def test_a_record_of_several_lines_counts_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(
        'id,text\n1,"one\ntwo"\n2,6" pipe\n3,8" pipe\n4,"he said ""hi"""\n5,x,y\n6,last'
    )
    found = entries(path)
    assert [(one.line, one.row) for one in found] == [
        (2, {"id": "1", "text": "one\ntwo"}),
        (4, {"id": "2", "text": '6" pipe'}),
        (5, {"id": "3", "text": '8" pipe'}),
        (6, {"id": "4", "text": 'he said "hi"'}),
        (7, None),
        (8, {"id": "6", "text": "last"}),
    ]
    assert found[4].problem is not None
    assert "3 cells where the header has 2" in found[4].problem.reason


def test_a_quote_that_never_closes_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text('id,text\n1,"open\n2,fine\n3,fine\n')
    found = entries(path)
    assert [one.line for one in found] == [2, 3, 4]
    assert [one.row for one in found[1:]] == [{"id": id_, "text": "fine"} for id_ in "23"]


def test_csv_goes_on_at_a_position_with_its_header(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("id;text\n1;a\n2;b\n")
    first, second = entries(path)
    assert entries(path, Checkpoint(first.position, first.next_line)) == [second]


@pytest.mark.parametrize("header", ["a,a", ",,", ";"])
def test_a_header_that_names_nothing_or_twice_is_refused(header: str) -> None:
    with pytest.raises(BadRow, match="header"):
        CsvForm.of_header(header)


# ---- files --------------------------------------------------------------------------------------


def test_gz_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(gzip.compress(b'{"a":1}\n{"a":2}\n'))
    first, second = entries(path)
    assert (first.row, second.row) == ({"a": 1}, {"a": 2})
    assert entries(path, Checkpoint(first.position, first.next_line)) == [second]


def test_an_array_is_read_by_items(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text('\n [{"a": 1},\n 7, {"a": 2}]')
    assert [(one.line, one.row) for one in entries(path)] == [
        (1, {"a": 1}),
        (2, None),
        (3, {"a": 2}),
    ]
    assert [one.line for one in entries(path, Checkpoint(2, 3))] == [3]


def test_a_damaged_gz_gives_what_could_be_read_and_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"n":%d}\n' % (n * 7919) for n in range(5_000)))
    path.write_bytes(whole[: len(whole) // 2])
    with open_table(path) as table:
        assert len(table.take(1_000)) == 1_000
        assert 100 < len(table.take(10_000)) < 4_000
        with pytest.raises(BadFile, match=r"e\.jsonl\.gz cannot be read"):
            table.take(100)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"), open_table(tmp_path / "none.jsonl"):
        pass
