"""Tokens: which are accepted, which are refused, and how long one is remembered."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from enhanced_prompt_service.domain.errors import Reason, Unauthenticated
from enhanced_prompt_service.domain.identity import Role
from enhanced_prompt_service.rpc.identity import (
    ClaimNames,
    Keyring,
    SharedSecret,
    TokenRules,
    Tokens,
)
from tests.rpc.kit import Log
from tests.support.identity import (
    AUDIENCE,
    ISSUER,
    SECRET,
    Signer,
    jwks,
    signer,
    some_claims,
    unsigned,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ALGORITHMS = ("RS256", "ES256", "EdDSA")


class Source:
    """A key set that the test changes."""

    every_s = 1.0
    local = False

    def __init__(self, *signers: Signer) -> None:
        self.document = jwks(*signers)
        self.asked = 0
        self.away = False

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.away:
            raise OSError("away")
        return self.document


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


class Bench:
    """A verifier with everything around it in the test's hands."""

    def __init__(
        self, *signers: Signer, secret: str = "", names: str = "", skew: float = 30
    ) -> None:
        self.clock = Clock()
        self.source = Source(*signers)
        self.log = Log()
        self.keyring = Keyring(
            self.source if signers else None,
            SharedSecret(secret) if secret else None,
            monotonic=self.clock.monotonic,
            log=self.log.bound(),
        )
        rules = TokenRules(AUDIENCE, ISSUER, skew, ClaimNames.parse(names), remembered=3)
        self.tokens = Tokens(self.keyring, rules, self.clock.now)

    async def refused(self, token: str) -> Reason:
        with pytest.raises(Unauthenticated) as caught:
            await self.tokens.verify(token)
        assert not token or token not in str(caught.value)
        return caught.value.reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_each_algorithm_names_its_bearer(algorithm: str) -> None:
    bench = Bench(*(signer(one) for one in ALGORITHMS))
    token = signer(algorithm).token(
        NOW, name="Mia", role="operator", cameras=["G1"], sites=["school"], tenants=["beta"]
    )
    identity = await bench.tokens.verify(token)
    caller = identity.caller
    assert (caller.tenant, caller.user, caller.name) == ("acme", "mia", "Mia")
    assert (caller.role, caller.cameras, caller.sites) == (
        Role.OPERATOR,
        frozenset({"G1"}),
        frozenset({"school"}),
    )
    assert identity.may_choose("beta")
    assert not identity.may_choose("gamma")
    assert identity.expires_at == NOW + timedelta(seconds=3630)


async def test_a_shared_secret_signs_tokens_where_there_is_one() -> None:
    token = jwt.encode(some_claims(NOW), SECRET, algorithm="HS256")
    assert (await Bench(secret=SECRET).tokens.verify(token)).caller.user == "mia"
    assert await Bench(signer("RS256")).refused(token) is Reason.CREDENTIALS_INVALID


def _hs_with_public_key() -> str:
    """The public key of an RS256 key, taken for the secret of HS256."""
    one = signer("RS256")
    header = {"alg": "HS256", "kid": one.kid, "typ": "JWT"}
    text = unsigned(some_claims(NOW), header).rpartition(".")[0]
    signature = hmac.digest(one.public_pem, text.encode(), "sha256")
    return unsigned(some_claims(NOW), header, signature)


def _with(**claims: Any) -> Callable[[], str]:
    return lambda: signer("RS256").token(NOW, **claims)


BAD: dict[str, Callable[[], str]] = {
    "alg none": lambda: unsigned(some_claims(NOW), {"alg": "none"}),
    "alg none with a kid": lambda: unsigned(some_claims(NOW), {"alg": "none", "kid": "RS256-1"}),
    "alg None": lambda: unsigned(some_claims(NOW), {"alg": "None"}),
    "no alg": lambda: unsigned(some_claims(NOW), {"typ": "JWT"}),
    "alg a list": lambda: unsigned(some_claims(NOW), {"alg": ["RS256"]}),
    "HS256 by a public key": _hs_with_public_key,
    "HS256 by another secret": lambda: jwt.encode(some_claims(NOW), "x" * 40, algorithm="HS256"),
    "another key": lambda: signer("RS256", "stranger").token(NOW),
    "another key under a known kid": lambda: jwt.encode(
        some_claims(NOW),
        signer("RS256", "stranger").private,
        algorithm="RS256",
        headers={"kid": "RS256-1"},
    ),
    "another algorithm under a known kid": lambda: jwt.encode(
        some_claims(NOW), signer("ES256").private, algorithm="ES256", headers={"kid": "RS256-1"}
    ),
    "RS512 with an RS256 key": lambda: jwt.encode(
        some_claims(NOW), signer("RS256").private, algorithm="RS512", headers={"kid": "RS256-1"}
    ),
    "crit": lambda: jwt.encode(
        some_claims(NOW),
        signer("RS256").private,
        algorithm="RS256",
        headers={"kid": "RS256-1", "crit": ["b64"], "b64": True},
    ),
    "another audience": _with(aud="elsewhere"),
    "no audience": _with(aud=None),
    "another issuer": _with(iss="https://evil.example"),
    "no issuer": _with(iss=None),
    "no end": _with(exp=None),
    "an end that is no number": _with(exp="tomorrow"),
    "an endless end": _with(exp=float("inf")),
    "an end that is true": _with(exp=True),
    "not yet valid": _with(nbf=int(NOW.timestamp()) + 31),
    "from the future": _with(iat=int(NOW.timestamp()) + 31),
    "no user": _with(sub=None),
    "an empty user": _with(sub=""),
    "a user with a line feed": _with(sub="mia\nadmin"),
    "a guest's name": _with(sub="beta / mia"),
    "no tenant": _with(tenant=None),
    "tenant a list": _with(tenant=["acme"]),
    "role a list": _with(role=["admin"]),
    "cameras a text": _with(cameras="G1"),
    "cameras null": lambda: jwt.encode(
        {**some_claims(NOW), "cameras": None},
        signer("RS256").private,
        algorithm="RS256",
        headers={"kid": "RS256-1"},
    ),
    "cameras of numbers": _with(cameras=[1]),
    "tenants a text": _with(tenants="beta"),
    "too long": lambda: signer("RS256").token(NOW, padding="x" * 20_000),
    "two parts": lambda: "a.b",
    "nothing": lambda: "",
    "noise": lambda: "\x00\ud800...",
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_not_valid_is_refused_and_not_told_why(name: str) -> None:
    bench = Bench(signer("RS256"), signer("ES256"), secret=SECRET)
    assert (await bench.tokens.verify(signer("RS256").token(NOW))).caller.user == "mia"
    assert await bench.refused(BAD[name]()) is Reason.CREDENTIALS_INVALID


async def test_clocks_may_differ_by_the_skew_and_no_more() -> None:
    bench = Bench(signer("RS256"))
    at = int(NOW.timestamp())
    early = signer("RS256").token(NOW, nbf=at + 30, iat=at + 30)
    assert (await bench.tokens.verify(early)).caller.user == "mia"
    late = signer("RS256").token(NOW, exp=at - 29)
    assert (await bench.tokens.verify(late)).caller.user == "mia"
    assert await bench.refused(signer("RS256").token(NOW, exp=at - 30)) is (
        Reason.CREDENTIALS_EXPIRED
    )


async def test_an_unknown_role_is_a_viewers() -> None:
    bench = Bench(signer("RS256"))
    for role in ("root", "anonymous", None):
        token = signer("RS256").token(NOW, role=role)
        assert (await bench.tokens.verify(token)).caller.role is Role.VIEWER


async def test_a_super_admin_may_choose_any_tenant_as_a_guest() -> None:
    identity = await Bench(signer("RS256")).tokens.verify(
        signer("RS256").token(NOW, role="superAdmin")
    )
    assert identity.caller.role is Role.ADMIN
    guest = identity.within("beta")
    assert (guest.tenant, guest.user) == ("beta", "acme / mia")
    assert guest.attribute("home_tenant") == "acme"


async def test_claims_have_the_names_that_settings_give_them() -> None:
    bench = Bench(signer("RS256"), names="tenant=org, user=uid,role=group")
    token = signer("RS256").token(NOW, org="beta", uid="u1", group="admin")
    caller = (await bench.tokens.verify(token)).caller
    assert (caller.tenant, caller.user, caller.role) == ("beta", "u1", Role.ADMIN)


@pytest.mark.parametrize("text", ["tenant", "tenant=", "colour=red", "=x"])
def test_names_of_claims_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"tenant|written"):
        ClaimNames.parse(text)


async def test_a_verified_token_is_not_verified_again_until_it_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(signer("RS256"))
    token = signer("RS256").token(NOW)
    first = await bench.tokens.verify(token)

    def no(*_: object, **__: object) -> None:
        raise AssertionError("verified again")

    monkeypatch.setattr(jwt, "decode", no)
    assert await bench.tokens.verify(token) is first
    bench.clock.passed = 3630
    assert await bench.refused(token) is Reason.CREDENTIALS_EXPIRED
    ended = bench.tokens.ended(first)
    assert ended is not None
    assert ended.reason is Reason.CREDENTIALS_EXPIRED


async def test_only_so_many_tokens_are_remembered() -> None:
    bench = Bench(signer("RS256"))
    for number in range(5):
        await bench.tokens.verify(signer("RS256").token(NOW, sub=f"user {number}"))
    assert len(bench.tokens._kept) == 3


async def test_a_key_that_is_not_known_yet_is_looked_for_and_not_too_often() -> None:
    bench = Bench(signer("RS256"))
    await bench.tokens.verify(signer("RS256").token(NOW))
    assert bench.source.asked == 1
    rotated = signer("RS256", "next")
    bench.source.document = jwks(signer("RS256"), rotated)
    assert await bench.refused(rotated.token(NOW)) is Reason.CREDENTIALS_INVALID  # asked just now
    assert bench.source.asked == 1
    bench.clock.passed = 5
    assert (await bench.tokens.verify(rotated.token(NOW))).caller.user == "mia"
    assert bench.source.asked == 2


async def test_a_key_that_was_taken_out_ends_its_tokens() -> None:
    bench = Bench(signer("RS256"), signer("ES256"))
    token = signer("ES256").token(NOW)
    identity = await bench.tokens.verify(token)
    bench.source.document = jwks(signer("RS256"))
    assert await bench.keyring.refresh()
    ended = bench.tokens.ended(identity)
    assert ended is not None
    assert ended.reason is Reason.CREDENTIALS_REVOKED
    assert await bench.refused(token) is Reason.CREDENTIALS_REVOKED


async def test_a_source_that_is_away_or_broken_leaves_the_keys_as_they_were() -> None:
    bench = Bench(signer("RS256"))
    await bench.keyring.refresh()
    bench.source.away = True
    assert not await bench.keyring.refresh()
    bench.source.away = False
    for broken in (b"{", b"[]", b'{"keys": 1}', b'{"keys": [{}]}', b'{"keys": [{"kty": "RSA"}]}'):
        bench.source.document = broken
        assert not await bench.keyring.refresh()
    assert (await bench.tokens.verify(signer("RS256").token(NOW))).caller.user == "mia"


@pytest.mark.parametrize(
    "change",
    [
        {"d": "AQAB"},
        {"kty": "oct", "k": "c2VjcmV0"},
    ],
)
async def test_a_key_set_with_anything_secret_in_it_is_not_taken(change: dict[str, Any]) -> None:
    bench = Bench(signer("RS256"))
    bench.source.document = json.dumps({"keys": [{**signer("RS256").jwk, **change}]}).encode()
    assert not await bench.keyring.refresh()
    assert await bench.refused(signer("RS256").token(NOW)) is Reason.CREDENTIALS_INVALID


@pytest.mark.parametrize("change", [{"alg": "RS512"}, {"use": "enc"}, {"key_ops": ["sign"]}])
async def test_a_key_for_something_else_verifies_nothing(change: dict[str, Any]) -> None:
    bench = Bench(signer("RS256"))
    bench.source.document = json.dumps({"keys": [{**signer("RS256").jwk, **change}]}).encode()
    assert await bench.keyring.refresh()
    assert await bench.refused(signer("RS256").token(NOW)) is Reason.CREDENTIALS_INVALID


async def test_a_token_without_a_kid_means_the_only_key_of_its_algorithm() -> None:
    one, two = signer("ES256"), signer("ES256", "second")
    token = jwt.encode(some_claims(NOW), one.private, algorithm="ES256")
    assert (await Bench(one, signer("RS256")).tokens.verify(token)).caller.user == "mia"
    assert await Bench(one, two).refused(token) is Reason.CREDENTIALS_INVALID


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SharedSecret("x" * 31)
