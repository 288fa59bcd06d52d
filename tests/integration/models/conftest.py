"""A provider for each test; one database is enough, as models do not know which one it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.models.conftest import provider  # noqa: F401 - a fixture


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An SQLite file."""
    return f"sqlite:///{tmp_path / 'eps.db'}"
