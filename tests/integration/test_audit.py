"""What is written down of what callers do, and what never is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from enhanced_prompt.v1 import chat_pb2, history_service_pb2
from enhanced_prompt_service.app import App
from enhanced_prompt_service.cli.app import app as eps
from enhanced_prompt_service.domain.audit import AuditEntry
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.integration.test_identity import bearer, calling, mia, new_api_key, tokens
from tests.integration.test_limits import frame
from tests.rpc.kit import refused
from tests.support.identity import SECRET, signer


async def written(app: App, count: int) -> list[AuditEntry]:
    """All entries, once there are so many."""
    import asyncio

    async with asyncio.timeout(30):
        while len(found := await app.stores.audit.read_audit()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def test_asking_deleting_reading_of_others_and_refusals_are_written_down(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, **tokens(tmp_path)) as app, calling(app) as stubs:
        answered = await stubs.answer(mia(), conversation_id="talk")
        ada = mia(sub="ada", role="admin")
        asked = history_service_pb2.GetConversationRequest(conversation_id="talk", user_id="mia")
        await stubs.history.GetConversation(asked, metadata=ada)
        await stubs.history.DeleteConversation(
            history_service_pb2.DeleteConversationRequest(conversation_id="talk"), metadata=mia()
        )
        await refused(stubs.cameras())
        await refused(stubs.cameras(mia(exp=1)))
        await refused(stubs.history.GetConversation(asked, metadata=mia(sub="noah")))
        await stubs.cameras(mia())  # looking is not written down
        await stubs.answer((*mia(tenants=["beta"]), ("x-tenant", "beta")))
        found = [
            (one.user, one.action, one.outcome, one.subject)
            for one in reversed(await written(app, 7))
        ]
        assert found[:6] == [
            ("mia", "PromptService.Answer", "OK", answered.turn.turn_id),
            ("ada", "HistoryService.GetConversation", "OK", "mia"),
            ("mia", "HistoryService.DeleteConversation", "OK", "talk"),
            ("", "EventService.ListCameras", "UNAUTHENTICATED", ""),
            ("", "EventService.ListCameras", "UNAUTHENTICATED", ""),
            ("noah", "HistoryService.GetConversation", "PERMISSION_DENIED", ""),
        ]
        (guest,) = await app.stores.audit.read_audit(tenant="beta")
        assert (guest.user, guest.home_tenant) == ("acme / mia", "acme")


async def test_prompts_of_a_chat_are_written_down_one_by_one(start: Start, tmp_path: Path) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, **tokens(tmp_path)) as app, calling(app) as stubs:
        call = stubs.prompts.Chat(metadata=mia())
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        prompt = chat_pb2.ChatPrompt(message_id="m1", query="one")
        await call.write(chat_pb2.ChatRequest(prompt=prompt))
        accepted = await frame(call, "accepted")
        (entry,) = await written(app, 1)
        assert (entry.action, entry.subject) == ("PromptService.Chat/prompt", accepted.turn_id)


async def test_a_flood_of_bad_credentials_is_written_down_in_short(
    start: Start, tmp_path: Path
) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        for _ in range(120):
            await refused(stubs.cameras(bearer("nonsense")))
        await written(app, 20)
    # The rest of a second goes unsaid, and is counted by the next that is said.


async def test_what_waits_is_written_when_the_server_ends(start: Start, tmp_path: Path) -> None:
    agent = HeldAgent()
    agent.allow(100)
    settings = tokens(tmp_path)
    async with start(agent, **settings) as app, calling(app) as stubs:
        await stubs.answer(mia())
    async with start(agent, **settings) as app:
        assert len(await app.stores.audit.read_audit()) == 1


async def test_no_secret_is_in_logs_audit_or_answers(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every credential that there is, good and bad, and everything that comes out."""
    agent = HeldAgent()
    agent.allow(100)
    configuration = structlog.get_config()
    structlog.reset_defaults()
    token = signer("ES256").token()
    bad = [signer("ES256").token(aud="elsewhere"), signer("EdDSA").token(), "hunter2-hunter2"]
    said: list[Any] = []
    try:
        async with (
            start(
                agent, api_keys=True, jwt_secret=SECRET, log_level="debug", **tokens(tmp_path)
            ) as app,
            calling(app) as stubs,
        ):
            _, key = await new_api_key(app)
            said.append(await stubs.answer(bearer(token)))
            said.append(await stubs.answer(bearer(key)))
            for one in (*bad, key[:-1] + ("1" if key[-1] == "0" else "0")):
                error = await refused(stubs.answer(bearer(one)))
                said += [error.details(), error.debug_error_string(), error.trailing_metadata()]
            call = stubs.prompts.Chat(metadata=bearer(token))
            setup = chat_pb2.ChatSetup(access_token=bad[0])
            await call.write(chat_pb2.ChatRequest(setup=setup))
            error = await refused(frame(call, "ready"))
            said += [error.details(), error.trailing_metadata()]
            said += await written(app, 7)
            said += [app.settings]
    finally:
        structlog.configure(**configuration)
    out, err = capfd.readouterr()
    everything = out + err + repr(said)
    assert "ended" in out + err  # the logs are in it
    for secret in (token, key, *bad, SECRET):
        assert secret not in everything
        # Its signature, or the secret part of a key; behind the last "_" of a token may be one
        # letter, which tells nothing.
        for part in (secret.rpartition(".")[2], secret.rpartition("_")[2]):
            assert len(part) < 16 or part not in everything


def test_the_log_is_read_at_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPS_HOME", str(tmp_path))
    run = CliRunner().invoke
    made = run(eps, ["keys", "create", "bridge", "--tenant", "acme"]).stdout.strip()
    run(eps, ["keys", "revoke", made.split("_")[1]])
    run(eps, ["keys", "revoke", "000000000000"])
    lines = [json.loads(one) for one in run(eps, ["audit", "--json"]).stdout.splitlines()]
    assert [(one["action"], one["outcome"]) for one in lines] == [
        ("keys.revoke", "NOT_FOUND"),
        ("keys.revoke", "OK"),
        ("keys.create", "OK"),
    ]
    assert made not in run(eps, ["audit"]).stdout
    assert "keys.create" in run(eps, ["audit", "--tenant", "acme"]).stdout
    assert run(eps, ["audit", "--since", "yesterday"]).exit_code == 2
