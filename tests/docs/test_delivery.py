"""docs/delivery.md lists every field of a destination, as it is read."""

from __future__ import annotations

import re
from typing import Any

from enhanced_prompt_service.delivery.destinations import DestinationSettings
from tests.support.binaries import ROOT

DOCUMENT = ROOT / "docs" / "delivery.md"
MARKED = re.compile(r"<!-- begin: destinations -->\n(.*?)<!-- end: destinations -->", re.DOTALL)


def table() -> str:
    """What belongs between the marks."""
    lines = ["| field | default | what it does |", "| --- | --- | --- |"]
    for name, field in DestinationSettings.model_fields.items():
        shown = "needed" if field.is_required() else _shown(field.get_default())
        lines.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if value in (None, ()):
        return "–"
    text = str(value).lower() if isinstance(value, bool) else f"{value}"
    return f"`{text}`"


def test_the_table_of_fields_is_that_of_the_settings_model() -> None:
    (found,) = MARKED.findall(DOCUMENT.read_text())
    assert found == table()
