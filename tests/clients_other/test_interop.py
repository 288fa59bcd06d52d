"""Every client calls every RPC, and docs/clients.md says what came of it."""

from __future__ import annotations

from pathlib import Path

from scripts import gen_go

from . import interop
from .languages import LANGUAGES


async def test_every_client_calls_every_rpc_and_the_table_in_the_docs_says_so(
    tmp_path: Path,
) -> None:
    """`python -m tests.clients_other.interop` writes the table anew."""
    built = {name: build() for name, build in LANGUAGES.items()}
    async with interop.serving(tmp_path) as address:
        found = await interop.all_clients(address, built)
    for client in interop.CLIENTS:  # one contract: nobody is answered otherwise than Python is
        assert found[client] == found["Python"]
    assert interop.OK in found["Python"].values()
    assert interop.documented() == interop.table(found)


def test_the_go_stubs_are_those_that_the_protos_give() -> None:
    assert gen_go.differences() == []
