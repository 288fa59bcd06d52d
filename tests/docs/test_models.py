"""docs/models.md: every link that it shows is one that the server takes."""

from __future__ import annotations

import re

import pytest

from enhanced_prompt_service.agent.models import parse_links
from tests.support.binaries import ROOT

TEXT = (ROOT / "docs" / "models.md").read_text()
LISTS = re.findall(r'EPS_MODELS="([^"]+)"', TEXT)
LINKS = re.findall(r"^\|[^|]+\| `([^`]+)` \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("text", [*dict.fromkeys(LISTS), *LINKS])
def test_a_list_of_the_document_is_understood(text: str) -> None:
    assert parse_links(text)


def test_the_document_shows_links() -> None:
    assert len(LISTS) >= 2
    assert len(LINKS) >= 10
