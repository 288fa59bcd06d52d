"""A service that asks who calls: over TCP, with tokens, keys, certificates and gateways."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt.v1 import (
    chat_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    history_service_pb2,
    history_service_pb2_grpc,
    prompt_service_pb2,
    prompt_service_pb2_grpc,
    site_service_pb2,
    site_service_pb2_grpc,
)
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.credentials import ApiKey, digest_of, new_key
from enhanced_prompt_service.domain.identity import Role
from enhanced_prompt_service.rpc.server import NotLoopbackError
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.rpc.kit import reason, refused
from tests.support.identity import AUDIENCE, ISSUER, Authority, jwks, signer

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Metadata = tuple[tuple[str, str], ...]


def bearer(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


def mia(**claims: Any) -> Metadata:
    return bearer(signer("ES256").token(**claims))


def tokens(folder: Path) -> dict[str, Any]:
    """Settings of a service that takes tokens."""
    path = folder / "keys.json"
    path.write_bytes(jwks(signer("ES256")))
    return {
        "jwt_jwks": str(path),
        "jwt_audience": AUDIENCE,
        "jwt_issuer": ISSUER,
        "jwt_skew_s": 0,
    }


class Stubs:
    """The services of one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.prompts: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        self.events: Any = event_service_pb2_grpc.EventServiceStub(channel)
        self.sites: Any = site_service_pb2_grpc.SiteServiceStub(channel)
        self.history: Any = history_service_pb2_grpc.HistoryServiceStub(channel)

    async def cameras(self, metadata: Metadata = ()) -> Any:
        return await self.events.ListCameras(
            event_service_pb2.ListCamerasRequest(), metadata=metadata
        )

    async def answer(self, metadata: Metadata, **fields: Any) -> Any:
        request = prompt_service_pb2.AnswerRequest(query="one", **fields)
        return await self.prompts.Answer(request, metadata=metadata)


@asynccontextmanager
async def calling(
    app: App, credentials: grpc.ChannelCredentials | None = None
) -> AsyncIterator[Stubs]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = (
        grpc.aio.insecure_channel(app.address, options)
        if credentials is None
        else grpc.aio.secure_channel(app.address, credentials, options)
    )
    async with channel:
        yield Stubs(channel)


async def new_api_key(app: App, **fields: Any) -> tuple[str, str]:
    """A key's id, and the key."""
    key_id, key = new_key(lambda size: f"{time.monotonic_ns():x}".zfill(2 * size)[-2 * size :])
    values = {
        "tenant": "acme",
        "user": "bridge",
        "role": Role.SERVICE,
        "created_at": LONG_AGO,
        **fields,
    }
    await app.stores.keys.add_key(ApiKey(key_id=key_id, digest=digest_of(key), **values))
    return key_id, key


async def test_without_a_credential_only_probes_are_answered(start: Start, tmp_path: Path) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        error = await refused(stubs.cameras())
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "CREDENTIALS_MISSING",
        )
        assert (await stubs.cameras(mia())).cameras == []
        async with grpc.aio.insecure_channel(app.address) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            assert await check(b"") == b"\x08\x01"  # SERVING


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (bearer("nonsense"), "CREDENTIALS_INVALID"),
        (bearer(""), "CREDENTIALS_INVALID"),
        ((("authorization", "Basic bWlhOm1pYQ=="),), "CREDENTIALS_INVALID"),
        (bearer("eps_0123456789ab_" + "0" * 64), "CREDENTIALS_INVALID"),
        (mia() + mia(), "CREDENTIALS_INVALID"),
        (mia(exp=1), "CREDENTIALS_EXPIRED"),
        ((("alteco-user-id", "mia"), ("alteco-user-tenant-id", "acme")), "CREDENTIALS_MISSING"),
    ],
)
async def test_bad_credentials_are_refused_and_nothing_else_is_tried(
    start: Start, tmp_path: Path, metadata: Metadata, expected: str
) -> None:
    async with (
        start(HeldAgent(), api_keys=True, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        error = await refused(stubs.cameras(metadata))
        assert (error.code(), reason(error)) == (grpc.StatusCode.UNAUTHENTICATED, expected)


async def test_two_users_of_one_service_see_nothing_of_each_other(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, **tokens(tmp_path)) as app, calling(app) as stubs:
        answered = await stubs.answer(mia(), conversation_id="talk")
        asked = history_service_pb2.GetConversationRequest(conversation_id="talk")
        assert await stubs.history.GetConversation(asked, metadata=mia())
        watched = prompt_service_pb2.WatchTurnRequest(turn_id=answered.turn.turn_id)
        for stranger in (mia(sub="noah"), mia(tenant="beta")):
            theirs = await refused(stubs.history.GetConversation(asked, metadata=stranger))
            nobodys = await refused(
                stubs.history.GetConversation(
                    history_service_pb2.GetConversationRequest(conversation_id="none"),
                    metadata=stranger,
                )
            )
            assert reason(theirs) == reason(nobodys) == "CONVERSATION_NOT_FOUND"
            call = stubs.prompts.WatchTurn(watched, metadata=stranger)
            assert reason(await refused(call.read())) == "TURN_NOT_FOUND"


async def test_an_admin_reads_their_tenants_conversations_and_no_others(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, **tokens(tmp_path)) as app, calling(app) as stubs:
        await stubs.answer(mia(), conversation_id="talk")
        asked = history_service_pb2.GetConversationRequest(conversation_id="talk", user_id="mia")
        found = await stubs.history.GetConversation(asked, metadata=mia(sub="ada", role="admin"))
        assert found.conversation.user_id == "mia"
        for metadata, expected in (
            (mia(sub="noah"), "PERMISSION_DENIED"),
            (mia(sub="otto", role="operator"), "PERMISSION_DENIED"),
            (mia(sub="ada", role="admin", cameras=["G1"]), "PERMISSION_DENIED"),
            (mia(sub="ada", role="admin", tenant="beta"), "CONVERSATION_NOT_FOUND"),
        ):
            error = await refused(stubs.history.GetConversation(asked, metadata=metadata))
            assert reason(error) == expected


async def test_a_revoked_key_is_refused_and_its_stream_ends(start: Start, tmp_path: Path) -> None:
    agent = HeldAgent()
    async with start(agent, api_keys=True) as app, calling(app) as stubs:
        key_id, key = await new_api_key(app)
        call = stubs.prompts.Ask(
            prompt_service_pb2.AskRequest(query="one two"), metadata=bearer(key)
        )
        assert (await call.read()).turn.WhichOneof("payload") == "started"
        assert await app.stores.keys.revoke_key(key_id, datetime.now(UTC))
        error = await refused(drained(call))
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "CREDENTIALS_REVOKED",
        )
        error = await refused(stubs.cameras((("x-api-key", key),)))
        assert reason(error) == "CREDENTIALS_REVOKED"


async def drained(call: Any) -> None:
    """Read a stream to its end."""
    while await call.read() is not grpc.aio.EOF:
        pass


async def test_a_stream_ends_with_its_token(start: Start, tmp_path: Path) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        soon = mia(exp=int(time.time()) + 2)
        call = stubs.prompts.Ask(prompt_service_pb2.AskRequest(query="one two"), metadata=soon)
        error = await refused(drained(call))
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "CREDENTIALS_EXPIRED",
        )


async def test_a_key_that_leaves_the_set_ends_the_streams_of_its_tokens(
    start: Start, tmp_path: Path
) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        call = stubs.prompts.Ask(prompt_service_pb2.AskRequest(query="one two"), metadata=mia())
        await call.read()
        (tmp_path / "keys.json").write_bytes(jwks(signer("EdDSA")))
        assert reason(await refused(drained(call))) == "CREDENTIALS_REVOKED"


async def test_a_chat_goes_on_under_a_new_token(start: Start, tmp_path: Path) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        first, ends = mia(exp=int(time.time()) + 3), int(time.time()) + 3600
        call = stubs.prompts.Chat(metadata=first)
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        ready = (await call.read()).ready
        assert (ready.authenticated, ready.identity.tenant, ready.identity.user_id) == (
            True,
            "acme",
            "mia",
        )
        assert list(ready.identity.roles) == ["viewer"]
        newer = chat_pb2.ChatSetup(access_token=signer("ES256").token(exp=ends))
        await call.write(chat_pb2.ChatRequest(setup=newer))
        assert (await call.read()).ready.token_expire_time.seconds == ends
        # A chat of the first token alone has ended by the time that this one's stream does.
        other = stubs.prompts.Chat(metadata=first)
        await other.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        assert reason(await refused(drained(other))) == "CREDENTIALS_EXPIRED"
        await call.write(chat_pb2.ChatRequest(ping=chat_pb2.ChatPing()))
        assert (await call.read()).WhichOneof("frame") == "pong"


@pytest.mark.parametrize(
    "token",
    [
        lambda: signer("ES256").token(sub="noah"),
        lambda: signer("ES256").token(tenant="beta"),
        lambda: signer("EdDSA").token(),
        lambda: "nonsense",
    ],
)
async def test_a_chat_does_not_change_hands(start: Start, tmp_path: Path, token: Any) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        call = stubs.prompts.Chat(metadata=mia())
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        await call.read()
        newer = chat_pb2.ChatSetup(access_token=token())
        await call.write(chat_pb2.ChatRequest(setup=newer))
        error = await refused(drained(call))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_only_a_trusted_gateway_speaks_for_others(start: Start, tmp_path: Path) -> None:
    agent = HeldAgent()
    agent.allow(100)
    said = (
        ("x-alteco-user-id", "mia"),
        ("alteco_user_tenant_id", "beta"),
        ("alteco-user-name", base64.b64encode("Mía".encode()).decode()),
        ("alteco-user-role", "operator"),
        ("alteco-log-id", "log-77"),
    )
    async with (
        start(agent, api_keys=True, trusted_gateways="key:acme/edge") as app,
        calling(app) as stubs,
    ):
        _, edge = await new_api_key(app, user="edge")
        _, other = await new_api_key(app)
        for key, expected in ((edge, "mia"), (other, "bridge")):
            answered = await stubs.answer(bearer(key) + said)
            found = answered.turn.completed.response
            assert found.user_id == expected
            log_id = dict(found.metadata.fields).get("log_id")
            assert (None if log_id is None else log_id.string_value) == (
                "log-77" if key == edge else None
            )
        assert reason(await refused(stubs.cameras(bearer(edge)))) == "CREDENTIALS_MISSING"


async def test_a_tenant_is_chosen_only_by_those_who_may(start: Start, tmp_path: Path) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, **tokens(tmp_path)) as app, calling(app) as stubs:
        beta = (("x-tenant", "beta"),)
        assert reason(await refused(stubs.cameras(mia() + beta))) == "PERMISSION_DENIED"
        guest = await stubs.answer(mia(tenants=["beta"]) + beta, conversation_id="talk")
        assert guest.turn.completed.response.user_id == "acme / mia"
        # The tenant's own user of that name has no such conversation.
        asked = history_service_pb2.GetConversationRequest(conversation_id="talk")
        call = stubs.history.GetConversation(asked, metadata=mia(tenant="beta"))
        assert reason(await refused(call)) == "CONVERSATION_NOT_FOUND"


async def test_the_anonymous_may_ask_and_read_no_history(start: Start) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, anonymous_tenant="open") as app, calling(app) as stubs:
        answered = await stubs.answer(())
        assert answered.turn.completed.response.user_id.startswith("anonymous ")
        call = stubs.history.ListConversations(history_service_pb2.ListConversationsRequest())
        error = await refused(call)
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "CREDENTIALS_MISSING",
        )


async def test_a_viewer_puts_no_site_and_is_told_what_is_missing(
    start: Start, tmp_path: Path
) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        error = await refused(
            stubs.sites.PutSite(site_service_pb2.PutSiteRequest(), metadata=mia())
        )
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "PERMISSION_DENIED",
        )
        assert "SiteService.PutSite" in str(error.details())


async def test_the_subject_of_a_certificate_is_an_identity(start: Start, tmp_path: Path) -> None:
    authority, strangers = Authority(), Authority("strangers")
    certificate, key = authority.issue(tmp_path, "server")
    agent = HeldAgent()
    agent.allow(100)

    def proof(of: Authority, name: str, **said: str) -> grpc.ChannelCredentials:
        mine, private = of.issue(tmp_path, name, **said)
        return grpc.ssl_channel_credentials(
            authority.certificate, private.read_bytes(), mine.read_bytes()
        )

    async with start(
        agent,
        tls_certificate=certificate,
        tls_key=key,
        tls_client_ca=authority.file(tmp_path),
    ) as app:
        async with calling(app, proof(authority, "bridge", tenant="acme")) as stubs:
            answered = await stubs.answer(())
            assert answered.turn.completed.response.user_id == "bridge"
            request = site_service_pb2.PutSiteRequest()
            error = await refused(stubs.sites.PutSite(request))  # a service may, of a real site
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        async with calling(app, proof(authority, "vic", tenant="acme", role="viewer")) as stubs:
            error = await refused(stubs.sites.PutSite(site_service_pb2.PutSiteRequest()))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        async with calling(app, proof(authority, "nobody")) as stubs:
            assert reason(await refused(stubs.cameras())) == "CREDENTIALS_INVALID"
        for credentials in (
            proof(strangers, "mallory", tenant="acme"),
            grpc.ssl_channel_credentials(authority.certificate),
        ):
            async with calling(app, credentials) as stubs:
                error = await refused(stubs.cameras())
                assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_new_certificates_are_served_without_a_restart(start: Start, tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    certificate, key = old.issue(tmp_path, "server")

    def trusting(authority: Authority) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(authority.certificate)

    async with start(
        HeldAgent(), tls_certificate=certificate, tls_key=key, **tokens(tmp_path)
    ) as app:
        async with calling(app, trusting(old)) as before:
            await before.cameras(mia())
            fresh = tmp_path / "fresh"
            fresh.mkdir()
            next_certificate, next_key = new.issue(fresh, "server")
            next_certificate.replace(certificate)
            # The key is still the old one: the old pair goes on, for old and new connections.
            async with calling(app, trusting(old)) as meanwhile:
                await meanwhile.cameras(mia())
            next_key.replace(key)
            async with calling(app, trusting(new)) as after:
                await after.cameras(mia())
            await before.cameras(mia())  # on its connection nothing changed
        async with calling(app, trusting(old)) as stubs:
            error = await refused(stubs.cameras(mia()))
            assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_plain_text_leaves_the_machine_only_when_somebody_says_so(
    start: Start, tmp_path: Path
) -> None:
    with pytest.raises(NotLoopbackError, match="TLS"):
        async with start(HeldAgent(), host="0.0.0.0", **tokens(tmp_path)):
            pass
    with pytest.raises(NotLoopbackError, match="identity"):
        async with start(HeldAgent(), host="0.0.0.0", insecure=True):
            pass
    async with start(HeldAgent(), host="0.0.0.0", insecure=True, **tokens(tmp_path)) as app:
        assert app.port


async def test_a_call_that_waits_for_a_slow_reader_ends_as_well(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    agent.allow(100_000)
    async with start(agent, **tokens(tmp_path)) as app, calling(app) as stubs:
        many = " ".join(["x" * 60] * 120)
        soon = mia(exp=int(time.time()) + 1)
        call = stubs.prompts.Ask(prompt_service_pb2.AskRequest(query=many), metadata=soon)
        await call.read()
        assert await app.server.live.ended(30)


async def test_a_stream_of_the_client_ends_with_its_token_too(start: Start, tmp_path: Path) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        soon = mia(role="service", exp=int(time.time()) + 2)
        call = stubs.events.IngestEvents(metadata=soon)
        await call.wait_for_connection()
        error = await refused(call)
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "CREDENTIALS_EXPIRED",
        )


@pytest.mark.parametrize("tenant", [" beta", "acme / beta", "x" * 300])
async def test_not_even_a_super_admin_chooses_what_is_no_tenant(
    start: Start, tmp_path: Path, tenant: str
) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        metadata = (*mia(role="superAdmin"), ("x-tenant", tenant))
        assert reason(await refused(stubs.cameras(metadata))) == "PERMISSION_DENIED"


@pytest.mark.parametrize("content", [None, b"{}", b"no keys"])
async def test_a_server_without_its_keys_does_not_start(
    start: Start, tmp_path: Path, content: bytes | None
) -> None:
    settings = tokens(tmp_path)
    (tmp_path / "keys.json").unlink()
    if content is not None:
        (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(OSError, match="EPS_JWT_JWKS"):
        async with start(HeldAgent(), **settings):
            pass
