"""Write the table of settings in docs/settings.md from the settings model, or check it.

python scripts/settings_doc.py            # write
python scripts/settings_doc.py --check    # exit 1 where the table says something else
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from enhanced_prompt_service.config import Settings

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
MARKED = re.compile(r"(<!-- begin: settings -->\n).*?(<!-- end: settings -->)", re.DOTALL)
MEBI = 1024 * 1024
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def table() -> str:
    """Every setting: variable, default, limit, meaning."""
    lines = ["| variable | default | limit | what it does |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        shown = _default(name, field.default)
        limit = _limit(name, field)
        lines.append(f"| `EPS_{name.upper()}` | {shown} | {limit} | {field.description} |")
    return "\n".join(lines) + "\n"


def document(text: str) -> str:
    """The document with its table made anew. Raises ValueError where it has no place for one."""
    found, count = MARKED.subn(lambda match: match[1] + table() + match[2], text)
    if count != 1:
        raise ValueError(f"{DOCUMENT.name} has no place for the table")
    return found


def _default(name: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    return f"`{value}`{_readable(name, value)}"


def _limit(name: str, field: FieldInfo) -> str:
    for one in (field.annotation, *get_args(field.annotation)):
        if get_origin(one) is Literal:
            return ", ".join(f"`{choice}`" for choice in get_args(one))
    parts = [
        f"{sign} {limit}{_readable(name, limit)}"
        for attribute, sign in SIGNS.items()
        for limit in (getattr(one, attribute, None) for one in field.metadata)
        if limit is not None
    ]
    return ", ".join(parts) or "–"


def _readable(name: str, value: Any) -> str:
    """What a number means, where its name alone does not say: " (256 MiB)"."""
    if name.endswith("_bytes") and value % MEBI == 0:
        return f" ({value // MEBI} MiB)"
    return ""


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    there = DOCUMENT.read_text(encoding="utf-8")
    wanted = document(there)
    if arguments == ["--check"]:
        if wanted == there:
            return 0
        print(f"docs/{DOCUMENT.name} differs from the settings: `make gen` writes it again")
        return 1
    DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
