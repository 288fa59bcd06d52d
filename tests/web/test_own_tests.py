"""What the web app says of itself: its own tests, and how much comes before the first page."""

from __future__ import annotations

import subprocess
import sys

import pytest
from playwright.sync_api import expect

from scripts import web
from tests.support.binaries import ROOT
from tests.web.conftest import Open, Site

FIRST_LOAD_BYTES = 250_000


@pytest.mark.timeout(300)
def test_its_own_tests_pass() -> None:
    if lack := web.missing():
        pytest.skip(f"the web app's tests can't run: {lack}")
    done = subprocess.run(
        [sys.executable, "scripts/web.py", "test"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.redis
@pytest.mark.timeout(300)
def test_what_is_loaded_before_the_first_question_is_at_most_250_kb_compressed(
    paced: Site, window: Open
) -> None:
    page = window(paced.url)
    expect(page.get_by_label("Question", exact=True)).to_be_visible()
    page.evaluate("document.fonts.ready")
    files = page.evaluate(
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
        ".filter(one => !/enhanced_prompt|grpc/.test(one.name))"
        ".map(one => [one.name, one.encodedBodySize, one.decodedBodySize])"
    )
    scripts = [one for one in files if one[0].endswith(".js") and one[2] > 2048]
    assert scripts
    assert all(encoded < decoded for _, encoded, decoded in scripts)  # the gateway compresses
    assert not any("recharts" in name or "plot" in name for name, *_ in files)
    assert sum(encoded for _, encoded, _ in files) <= FIRST_LOAD_BYTES, files
