"""Context headers: what a gateway says about the one it speaks for."""

from __future__ import annotations

import base64
import json

import pytest

from enhanced_prompt_service.domain.errors import Reason, Unauthenticated
from enhanced_prompt_service.domain.identity import Role
from enhanced_prompt_service.rpc.identity.context import Context, context_of

WHO = {"alteco-user-id": "mia", "alteco-user-tenant-id": "acme"}


def read(**headers: str) -> Context:
    pairs = {**WHO, **{name.replace("__", "-"): value for name, value in headers.items()}}
    return context_of(list(pairs.items()), new_log_id=lambda: "new-log-id")


@pytest.mark.parametrize(
    "spelling", ["{}", "x-{}", "{under}", "x-{under}", "x_{under}"], ids=lambda text: str(text)
)
def test_each_spelling_of_a_header_is_understood(spelling: str) -> None:
    headers = [
        (spelling.format(name, under=name.replace("-", "_")), value)
        for name, value in {**WHO, "alteco-user-role": "operator"}.items()
    ]
    caller = context_of(headers, new_log_id=lambda: "").caller
    assert (caller.tenant, caller.user, caller.role) == ("acme", "mia", Role.OPERATOR)


def test_everything_that_can_be_said_is_kept() -> None:
    found = read(
        alteco__site__id="school",
        alteco__user__name=base64.b64encode("Mía".encode()).decode(),
        alteco__user__email="mia@example.com",
        alteco__user__tenant__ids='["beta", "gamma"]',
        alteco__user__customer__id="c7",
        alteco__log__id="log-1",
        alteco__user__systems='["s1"]',
        alteco__user__groups='["g1", "g2"]',
        alteco__charge__points='["p1"]',
        alteco__storage='["b1"]',
        alteco__access__token="secret",
    )
    caller = found.caller
    assert (caller.name, caller.sites, caller.cameras) == ("Mía", frozenset({"school"}), None)
    assert found.tenants == {"beta", "gamma"}
    assert dict(caller.attributes) == {
        "log_id": "log-1",
        "site_id": "school",
        "email": "mia@example.com",
        "customer_id": "c7",
        "tenant_ids": '["beta", "gamma"]',
        "systems": '["s1"]',
        "groups": '["g1", "g2"]',
        "charge_points": '["p1"]',
        "storage": '["b1"]',
    }
    assert "secret" not in repr(found)


def test_a_name_that_is_not_base64_stands_as_it_is() -> None:
    assert read(alteco__user__name="Mia B").caller.name == "Mia B"


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[" * 5000, "g1"])
def test_a_list_that_is_none_is_left_out(text: str) -> None:
    assert "groups" not in dict(read(alteco__user__groups=text).caller.attributes)


def test_a_call_without_a_log_id_gets_a_new_one() -> None:
    assert read().caller.attribute("log_id") == "new-log-id"
    assert read(alteco__log__id="x" * 129).caller.attribute("log_id") == "new-log-id"


def test_tenants_may_stand_with_commas_between_them() -> None:
    assert read(alteco__user__tenant__ids="beta, gamma").tenants == {"beta", "gamma"}
    assert read(alteco__user__tenant__ids=json.dumps([1, "beta"])).tenants == {"beta"}


@pytest.mark.parametrize(
    ("said", "role", "every"),
    [
        ("superAdmin", Role.ADMIN, True),
        ("admin", Role.ADMIN, False),
        ("viewer", Role.VIEWER, False),
        ("anything", Role.VIEWER, False),
        ("", Role.VIEWER, False),
    ],
)
def test_a_role_that_is_not_known_here_gives_no_rights(said: str, role: Role, every: bool) -> None:
    found = read(alteco__user__role=said)
    assert (found.caller.role, found.every_tenant) == (role, every)


@pytest.mark.parametrize("missing", WHO)
def test_a_gateway_that_names_nobody_is_refused(missing: str) -> None:
    headers = [(name, value) for name, value in WHO.items() if name != missing]
    with pytest.raises(Unauthenticated) as caught:
        context_of(headers, new_log_id=lambda: "")
    assert caught.value.reason is Reason.CREDENTIALS_MISSING
