"""The settings file: what is wrong is said with destination and field, and no secret is."""

from __future__ import annotations

from pathlib import Path

import pytest

from enhanced_prompt_service.delivery import DestinationsError, read_destinations
from enhanced_prompt_service.delivery.destinations import DestinationKind
from enhanced_prompt_service.domain.outbox import MessageKind

ENVIRONMENT = {"KEY": " secret-of-sixteen-characters\n", "EMPTY": " ", "SHORT": "x", "BAD": "a b"}
LEAST = 'kind = "ingest"\nurl = "https://ingest.example.com"\napi_key = { env = "KEY" }\n'


def read(folder: Path, text: str):  # type: ignore[no-untyped-def]
    file = folder / "destinations.toml"
    file.write_text(text)
    return read_destinations(file, ENVIRONMENT)


def one(folder: Path, text: str = LEAST, **fields: str):  # type: ignore[no-untyped-def]
    lines = "".join(f"{name} = {value}\n" for name, value in fields.items())
    (found,) = read(folder, f"[destinations.archive]\n{text}{lines}")
    return found


def test_the_least_that_is_needed_has_the_seeds_defaults(tmp_path: Path) -> None:
    found = one(tmp_path)
    assert found.key.get_secret_value() == "secret-of-sixteen-characters"
    assert (found.timeout_s, found.ping_s, found.pong_s) == (30, 30, 10)
    assert (found.reconnect_s, found.reconnect_most_s, found.reconnect_attempts) == (5, 60, 10)
    assert found.min_confidence == 0.8
    assert found.kinds == {
        MessageKind.PROMPT_RESPONSE,
        MessageKind.CONVERSATION_HISTORY,
        MessageKind.PROACTIVE_INSIGHT,
    }
    assert found.wants(MessageKind.PROMPT_RESPONSE, "anybody")
    assert "secret" not in repr(found)


def test_filters_narrow_by_type_and_tenant(tmp_path: Path) -> None:
    found = one(tmp_path, types='["conversation_deleted"]', tenants='["a"]')
    assert found.wants(MessageKind.CONVERSATION_DELETED, "a")
    assert not found.wants(MessageKind.CONVERSATION_DELETED, "b")
    assert not found.wants(MessageKind.PROMPT_RESPONSE, "a")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"surprise": "1"}, "destinations.archive.surprise: Extra inputs"),
        ({"timeout_s": "0"}, "destinations.archive.timeout_s:"),
        ({"types": '["gossip"]'}, "destinations.archive.types.0:"),
        ({"min_severity": '"awful"'}, "destinations.archive.min_severity:"),
        ({"warn_bytes": "2000000"}, "destinations.archive.warn_bytes: is more than max_bytes"),
        ({"signing_key": '{ env = "SHORT" }'}, "destinations.archive.signing_key: needs at least"),
        ({"signing_key": '{ env = "NONE" }'}, "archive.signing_key: the variable NONE is empty"),
        ({"signing_key": '{ file = "/none" }'}, "archive.signing_key: the file /none can't be"),
        ({"signing_key": '{ env = "BAD" }'}, "archive.signing_key: the variable BAD holds"),
        ({"signing_key": '{ env = "A", file = "b" }'}, "archive.signing_key: needs env"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    fields: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DestinationsError) as error:
        one(tmp_path, **fields)
    assert said in str(error.value)
    assert "secret-of" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "url", "more", "fine"),
    [
        ("ingest", "https://a.example", "", True),
        ("ingest", "http://a.example", "", False),
        ("ingest", "http://a.example", "allow_plain = true", True),
        ("ingest", "http://127.0.0.1:8080", "", True),
        ("ingest", "http://[::1]:8080/base", "", True),
        ("ingest", "http://localhost", "", True),
        ("ingest", "http://localhost.example", "", False),
        ("ingest", "https://user:word@a.example", "", False),
        ("ingest", "https://a.example/?key=1", "", False),
        ("ingest", "ftp://a.example", "", False),
        ("ingest", "https://", "", False),
        ("ingest", "https://a.example:99999", "", False),
        ("notifier", "wss://a.example/ws/prompt-service", "", True),
        ("notifier", "ws://a.example/ws", "", False),
        ("notifier", "https://a.example/ws", "", False),
        ("notifier", "wss://a.example/ws", 'types = ["conversation_history"]', False),
        ("notifier", "wss://a.example/ws", 'signing_key = { env = "KEY" }', False),
        ("webhook", "https://a.example/hook?tenant=1", "", True),
    ],
)
def test_plain_text_leaves_the_machine_only_where_that_is_said(
    kind: str, url: str, more: str, fine: bool, tmp_path: Path
) -> None:
    text = f'kind = "{kind}"\nurl = "{url}"\napi_key = {{ env = "KEY" }}\n{more}\n'
    if fine:
        assert one(tmp_path, text).kind is DestinationKind(kind)
    else:
        with pytest.raises(DestinationsError):
            one(tmp_path, text)


def test_only_a_webhook_does_without_a_key(tmp_path: Path) -> None:
    assert one(tmp_path, 'kind = "webhook"\nurl = "https://a.example"\n').kinds
    with pytest.raises(DestinationsError, match="api_key: ingest needs one"):
        one(tmp_path, 'kind = "ingest"\nurl = "https://a.example"\n')


def test_every_problem_of_every_destination_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DestinationsError) as error:
        read(tmp_path, '[destinations.b]\nkind = "x"\n[destinations."Not a name"]\nkind = "y"\n')
    said = str(error.value).splitlines()
    assert len(said) == 3
    assert all("destinations." in line for line in said)


@pytest.mark.parametrize("text", ["[destination.a]", "destinations = 1", "= broken"])
def test_a_file_that_is_something_else_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DestinationsError):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DestinationsError, match="can't be read"):
        read_destinations(tmp_path / "none.toml", {})
