"""What is made of a question must mean what it meant: asked of every question of the sets.

The better prompt and the template are read again by the engine, which must find the same query.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from enhanced_prompt_service.agent.grounded.index import Index
from enhanced_prompt_service.agent.prompts.bodies import Body
from enhanced_prompt_service.agent.prompts.optimize import optimize
from enhanced_prompt_service.agent.prompts.reading import Setting, same
from enhanced_prompt_service.domain.catalogue import Catalogue
from enhanced_prompt_service.domain.events import SeenKind
from enhanced_prompt_service.domain.prompts import OptimizationType
from enhanced_prompt_service.domain.template_rules import checked, render
from enhanced_prompt_service.domain.templates import Template

from .gold import read_items
from .simulated import TIME_ZONE, WINDOW, simulation
from .strange import read_strange

HERE = Path(__file__).parent
NOW = datetime(2025, 11, 5, 15, 30, tzinfo=UTC)


def _questions() -> list[str]:
    asked = [ask for item in read_items(HERE / "simulated.toml") for ask in item.ask]
    asked += [one.text for one in read_strange(HERE / "strange.toml")]
    return list(dict.fromkeys(asked))


@pytest.fixture(scope="module")
def setting() -> Setting:
    """The simulated site at the sets' present."""
    made = simulation()
    seen = {
        (one.site, one.camera_id, one.event_type, one.label, one.sub_label, one.zones): one
        for one in made.events(WINDOW)
    }
    kinds = [SeenKind(*key, 1, one.start_time, one.start_time) for key, one in seen.items()]
    return Setting(Index(Catalogue((made.site(),), "1"), kinds, TIME_ZONE), NOW)


@pytest.mark.timeout(600)
def test_a_better_prompt_means_what_was_asked(setting: Setting) -> None:
    bettered = 0
    for text in _questions():
        found = optimize(text, OptimizationType.ENHANCEMENT, setting)
        query = setting.understood(text)
        bettered += bool(found.changes)
        if not query.settled:
            assert same(query, setting.understood(found.prompt)), (text, found.prompt)
    assert bettered > 100


@pytest.mark.timeout(600)
def test_a_template_asks_what_was_asked(setting: Setting) -> None:
    cameras = {one.camera_id for site in setting.index.catalogue.sites for one in site.cameras}
    variables = 0
    for text in _questions():
        body = Body(setting)
        body.ask(text)
        made = Template("t", "T", body.text, variables=tuple(body.variables.values()))
        variables += len(made.variables)
        prompt = render(checked(made), {}, cameras) if body.text else ""
        query = setting.understood(text)
        if not query.settled:
            assert same(query, setting.understood(prompt)), (text, body.text)
    assert variables > 100
