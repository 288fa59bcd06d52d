"""Tests share a process that is not theirs: what starts a server in it must not set up its logs.

`app.run` does so for a process of its own. Under a test's captured, later closed output every log
line of the tests after it would fail.
"""

from __future__ import annotations

import pytest

from enhanced_prompt_service import logs


@pytest.fixture(autouse=True)
def logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """`logs.configure` does nothing when called through its module."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)
