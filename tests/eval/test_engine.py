"""The engine is held to its gold in every test run; `make eval` prints the whole table."""

from __future__ import annotations

import pytest

from tests.eval import run
from tests.support.require import data


@pytest.mark.data
@pytest.mark.timeout(600)
def test_questions_over_the_recorded_site_meet_their_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data()
    assert run.main(["a"]) == 0, capsys.readouterr().out


@pytest.mark.timeout(600)
def test_questions_over_the_simulated_site_meet_their_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run.main(["simulated"]) == 0, capsys.readouterr().out


def test_time_phrases_meet_their_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["c"]) == 0, capsys.readouterr().out


@pytest.mark.data
@pytest.mark.timeout(600)
def test_strange_input_never_breaks_the_engine_nor_gets_an_invented_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data()
    assert run.main(["strange"]) == 0, capsys.readouterr().out
