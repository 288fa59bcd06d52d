"""Signing in: asked for where the service wants it; a token is tried before it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from playwright.sync_api import expect

from tests.support.browser import built_app
from tests.support.identity import AUDIENCE, ISSUER, SECRET
from tests.support.redis import redis_server
from tests.web.conftest import Open, Site, edge, served

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]


def token(role: str = "operator", hours: float = 1) -> str:
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "tenant": "t",
        "role": role,
        "iat": now - timedelta(hours=2),
        "exp": now + timedelta(hours=hours),
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that knows its callers by token."""
    built_app()
    identity = {
        "EPS_JWT_SECRET": SECRET,
        "EPS_JWT_AUDIENCE": AUDIENCE,
        "EPS_JWT_ISSUER": ISSUER,
    }
    with (
        redis_server() as redis,
        served(tmp_path_factory.mktemp("guarded"), redis, **identity) as service,
        edge(tmp_path_factory.mktemp("guarded-edge"), service) as site,
    ):
        yield site


def test_the_page_asks_for_a_token_refuses_a_wrong_one_and_goes_on_with_a_right_one(
    guarded: Site, window: Open
) -> None:
    page = window(f"{guarded.url}/insights", allow_failures=True)
    field = page.get_by_label("Token")
    expect(field).to_be_visible()
    field.fill(token(hours=-1))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not accept")
    field.fill(token())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Insights")).to_be_visible()
    expect(page.get_by_text("Nothing waits for a look")).to_be_visible()
    page.reload()  # kept for the window
    expect(page.get_by_text("Nothing waits for a look")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{guarded.url}/ask")
    expect(page.get_by_label("Token")).to_be_visible()


def test_who_may_not_see_something_is_told_so(guarded: Site, window: Open) -> None:
    page = window(f"{guarded.url}/sign-in", allow_failures=True)
    page.get_by_label("Token").fill(token("viewer"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Question", exact=True)).to_be_visible()
    page.get_by_role("link", name="Live metrics").click()
    expect(page.get_by_role("alert")).to_contain_text("No live metrics.")
