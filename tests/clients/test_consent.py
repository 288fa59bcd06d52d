"""Consent through both clients, against the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from enhanced_prompt import ClientOptions, ConsentState, Template, errors
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings

from .drivers import DRIVERS, Driver


@pytest.fixture(params=DRIVERS)
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    settings = Settings(home=tmp_path, port=0, drain_s=0, consent_policy="v7")
    async with create_app(settings) as app:
        made = DRIVERS[request.param](app.address, ClientOptions())
        yield made
        await made.close()


async def test_who_is_refused_learns_what_to_consent_to_and_goes_on(driver: Driver) -> None:
    with pytest.raises(errors.ConsentRequired) as caught:
        await driver.call("create_template", Template(title="T", body="b"))
    assert isinstance(caught.value, errors.Conflict)
    assert not caught.value.retryable
    asked = await driver.call("get_consent")
    assert (asked.required, asked.policy_version) == (True, caught.value.policy_version)
    with pytest.raises(errors.InvalidFormat, match="v7"):
        await driver.call("give_consent", "v6")
    given = await driver.call("give_consent", caught.value.policy_version)
    assert given.state == ConsentState.CONSENT_STATE_GIVEN
    assert await driver.call("give_consent", "v7") == given
    await driver.call("create_template", Template(title="T", body="b"))
    withdrawn = await driver.call("withdraw_consent")
    assert withdrawn.state == ConsentState.CONSENT_STATE_WITHDRAWN
    assert await driver.call("get_consent") == withdrawn
    with pytest.raises(errors.ConsentRequired):
        await driver.call("create_template", Template(title="T", body="b"))
