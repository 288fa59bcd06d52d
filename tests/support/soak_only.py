"""EPS_SCALE below 1: what only a soak runs is left out (a plugin of pytest, see tests/conftest.py).

Tests marked `soak_only` have no small size: they need minutes, or programs that `make test` does
not install. They are deselected and counted as such, not skipped: a skip is something missing.
"""

from __future__ import annotations

import pytest

from .require import scale


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for full size."""
    if scale() >= 1:
        return
    left_out = [one for one in items if one.get_closest_marker("soak_only")]
    if left_out:
        items[:] = [one for one in items if not one.get_closest_marker("soak_only")]
        config.hook.pytest_deselected(items=left_out)
