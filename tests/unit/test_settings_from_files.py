"""Any setting may stand in a file that a variable names: secrets of containers come that way."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from enhanced_prompt_service.config import Settings

Environment = pytest.MonkeyPatch


def file(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_setting_is_what_its_file_says(
    monkeypatch: Environment, tmp_path: Path, end: str
) -> None:
    url = "postgresql://eps:p a#s%20s@db/eps"
    monkeypatch.setenv("EPS_DATABASE_URL_FILE", file(tmp_path, url + end))
    assert Settings().database_url == url


def test_every_kind_of_setting_can_come_from_a_file(
    monkeypatch: Environment, tmp_path: Path
) -> None:
    said = {
        "SECRET_KEY": "k" * 32,
        "WORKERS": "1",
        "API_KEYS": "true",
        "MODEL_PRICES": '{"openai:x": {"input": 1, "output": 2}}',
        "METRICS_PORT": "off",
    }
    for name, text in said.items():
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setenv(f"EPS_{name}_FILE", file(folder, text))
    settings = Settings()
    assert settings.secret_key.get_secret_value() == "k" * 32
    assert settings.api_keys
    assert settings.model_prices["openai:x"].output == 2
    assert settings.metrics_port is None


def test_what_is_given_stands_above_a_file(monkeypatch: Environment, tmp_path: Path) -> None:
    monkeypatch.setenv("EPS_REDIS_URL_FILE", file(tmp_path, "redis://a/0"))
    assert Settings(redis_url="redis://b/0").redis_url == "redis://b/0"


def test_a_file_that_is_not_there_stops_the_start_and_is_named(
    monkeypatch: Environment, tmp_path: Path
) -> None:
    """Going on without would be another database, in silence."""
    monkeypatch.setenv("EPS_DATABASE_URL_FILE", str(tmp_path / "none"))
    with pytest.raises(ValidationError, match=r"EPS_DATABASE_URL_FILE: .*none"):
        Settings()


def test_a_variable_and_its_file_at_once_are_refused(
    monkeypatch: Environment, tmp_path: Path
) -> None:
    monkeypatch.setenv("EPS_REDIS_URL", "redis://a/0")
    monkeypatch.setenv("EPS_REDIS_URL_FILE", file(tmp_path, "redis://b/0"))
    with pytest.raises(ValidationError, match="only one"):
        Settings()


def test_a_value_in_a_file_has_the_limits_of_any_other(
    monkeypatch: Environment, tmp_path: Path
) -> None:
    secret = "too short"
    monkeypatch.setenv("EPS_SECRET_KEY_FILE", file(tmp_path, secret))
    with pytest.raises(ValidationError, match="32 characters") as refused:
        Settings()
    assert secret not in str(refused.value)
