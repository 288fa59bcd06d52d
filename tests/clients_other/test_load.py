"""ghz, a load tool in Go, needs an address and a name: the contract comes by reflection."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.binaries import ROOT

from . import load
from .interop import serving

CALLS = 40


@pytest.mark.parametrize("rpc", load.RPCS)
async def test_every_call_of_ghz_is_answered(tmp_path: Path, rpc: str) -> None:
    async with serving(tmp_path) as address:
        await load.fill(address)
        found = await load.measured(address, rpc, CALLS)
    assert found["count"] == CALLS
    assert found["statusCodeDistribution"] == {"OK": CALLS}


def test_the_docs_hold_a_report_of_each_without_a_failure() -> None:
    text = (ROOT / "docs" / "ghz.md").read_text(encoding="utf-8")
    for rpc in load.RPCS:
        report = text.split(f"<!-- ghz: {rpc} -->")[1].split("<!-- ghz: end -->")[0]
        [count] = re.findall(r"Count:\s+(\d+)", report)
        assert re.findall(r"\[(\w+)\]\s+(\d+) responses", report) == [("OK", count)]
