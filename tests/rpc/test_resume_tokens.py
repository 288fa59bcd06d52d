"""Resume tokens: only whom they were made for can use them, and nobody can read them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.rpc.resume_tokens import ResumeTokens

KEY = b"k" * 32
TOKENS = ResumeTokens(KEY)
POSITIONS = st.integers(min_value=0, max_value=2**63 - 1)


def refuses(tokens: ResumeTokens, tenant: str, token: str) -> bool:
    with pytest.raises(InvalidArgument) as refused:
        tokens.open(tenant, token)
    (violation,) = refused.value.violations
    assert refused.value.reason is Reason.RESUME_TOKEN_INVALID
    assert violation.field == "resume_token"
    assert violation.description == "not a token of this service"
    return True


@given(POSITIONS, st.text(max_size=40).filter(lambda text: text.isprintable()))
def test_a_token_gives_its_position_back(position: int, tenant: str) -> None:
    assert TOKENS.open(tenant, TOKENS.seal(tenant, position)) == position


def test_replicas_with_the_same_key_understand_each_other_and_others_do_not() -> None:
    token = TOKENS.seal("acme", 7)
    assert ResumeTokens(KEY).open("acme", token) == 7
    assert refuses(ResumeTokens(b"o" * 32), "acme", token)


def test_another_tenants_token_is_no_better_than_a_forged_one() -> None:
    assert refuses(TOKENS, "other", TOKENS.seal("acme", 7))


@given(st.data())
def test_a_token_with_any_bit_changed_is_refused(data: st.DataObject) -> None:
    token = TOKENS.seal("acme", 7)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert refuses(TOKENS, "acme", base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.text(max_size=200))
def test_whatever_else_is_sent_is_refused_alike(text: str) -> None:
    assert refuses(TOKENS, "acme", text)


def test_a_token_shows_no_order() -> None:
    tokens = [ResumeTokens(KEY).seal("acme", position) for position in (1, 2, 1)]
    assert len(set(tokens)) == 3
    assert len({len(token) for token in tokens}) == 1


def test_the_same_place_has_one_token_for_all_who_stand_there() -> None:
    assert TOKENS.seal("acme", 9) == TOKENS.seal("acme", 9)


@pytest.mark.parametrize("limits", [{"cameras": frozenset({"G1"})}, {"sites": frozenset()}])
def test_who_may_see_only_some_cameras_gets_another_token_each_time(limits: Any) -> None:
    """Equal ones would say that nothing was entered between them, and others that something was."""
    limited = Caller("acme", **limits)
    tokens = {TOKENS.seal_for(limited, 9) for _ in range(3)} | {TOKENS.seal("acme", 9)}
    assert len(tokens) == 4
    assert {TOKENS.open("acme", one) for one in tokens} == {9}
    assert TOKENS.seal_for(Caller("acme"), 9) == TOKENS.seal("acme", 9)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ResumeTokens(b"short")
