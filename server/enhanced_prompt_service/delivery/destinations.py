"""Where messages go: a settings file in TOML, one table a destination.

    [destinations.archive]
    kind = "ingest"
    url = "https://ingest.example.com"
    api_key = { env = "ARCHIVE_KEY" }

Everything is checked when it is read; what is wrong is said with the destination and the field.
docs/delivery.md has the table of all fields, made from these models.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from ..domain.errors import ServiceError
from ..domain.insights import InsightType, Severity
from ..domain.outbox import MessageKind
from .addresses import is_loopback_name

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MIN_KEY = 16


class DestinationKind(StrEnum):
    """What answers there."""

    INGEST = "ingest"
    NOTIFIER = "notifier"
    WEBHOOK = "webhook"


_DEFAULT_TYPES = {
    DestinationKind.INGEST: (
        MessageKind.PROMPT_RESPONSE,
        MessageKind.CONVERSATION_HISTORY,
        MessageKind.PROACTIVE_INSIGHT,
    ),
    DestinationKind.NOTIFIER: (MessageKind.PROMPT_RESPONSE, MessageKind.PROACTIVE_INSIGHT),
    DestinationKind.WEBHOOK: (MessageKind.PROACTIVE_INSIGHT,),
}
_SCHEMES = {
    DestinationKind.INGEST: ("https", "http"),
    DestinationKind.NOTIFIER: ("wss", "ws"),
    DestinationKind.WEBHOOK: ("https", "http"),
}


class DestinationsError(ServiceError):
    """The settings file can't be used; the message says which destination and field, a line each.
    It never holds a secret."""


class Secret(BaseModel):
    """Where a secret is: the name of an environment variable, or a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str = Field("", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    file: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Secret:
        if bool(self.env) == (self.file is not None):
            raise ValueError('needs env = "NAME" or file = "path"')
        return self

    def read(self, environment: Mapping[str, str]) -> SecretStr:
        """The secret, without white space around it. Raises ValueError where there is none."""
        if self.file is not None:
            try:
                found = self.file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"the file {self.file} can't be read") from error
            where = f"the file {self.file}"
        else:
            found, where = environment.get(self.env, "").strip(), f"the variable {self.env}"
        if not found:
            raise ValueError(f"{where} is empty")
        if any(not 0x21 <= ord(one) <= 0x7E for one in found):
            raise ValueError(f"{where} holds characters that no header can carry")
        return SecretStr(found)


def _word(text: str) -> str:
    Severity[text.upper()]
    return text


SeverityWord = Annotated[
    Literal["low", "medium", "high", "critical"], AfterValidator(_word), Field(default="low")
]


class DestinationSettings(BaseModel):
    """One table of the file. Durations are seconds, sizes bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: DestinationKind = Field(
        description="`ingest` and `webhook` get HTTP, `notifier` a WebSocket."
    )
    url: str = Field(
        max_length=2000,
        description="Of an ingest the base, the paths are added; of others the whole address.",
    )
    api_key: Secret | None = Field(
        None,
        description='Bearer key: `{ env = "NAME" }` or `{ file = "path" }`. An ingest and a '
        "notifier need one.",
    )
    signing_key: Secret | None = Field(
        None, description="Key of the signature of each request; `ingest` and `webhook` only."
    )
    types: tuple[MessageKind, ...] = Field(
        (),
        description="Messages that it gets. Default: `prompt_response`, `conversation_history` and "
        "`proactive_insight` for an ingest, `prompt_response` and `proactive_insight` for a "
        "notifier, `proactive_insight` for a webhook. `conversation_deleted` only where it is "
        "named.",
    )
    insight_types: tuple[InsightType, ...] = Field(
        (), description="Kinds of insight that it gets. Default: all."
    )
    min_severity: SeverityWord = Field("low", description="The least severity of insights.")
    tenants: tuple[str, ...] = Field((), description="Tenants that it gets. Default: all.")
    allow_plain: bool = Field(
        False, description="`http` or `ws` to addresses that are not loopback."
    )
    allow_private: bool = Field(
        False, description="Addresses of private networks, also where a name resolves to them."
    )
    html: Literal["keep", "escape"] = Field(
        "keep", description="`escape` makes `<`, `>` and `&` in texts harmless."
    )
    warn_bytes: int = Field(
        256 * 1024, ge=1024, description="A larger message is counted and logged."
    )
    max_bytes: int = Field(
        1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="A larger message is parked."
    )
    timeout_s: float = Field(
        30.0, gt=0, le=600, description="For a request, or for a notifier's connection to open."
    )
    concurrency: int = Field(
        8, ge=1, le=256, description="Requests at the same time; a notifier has one connection."
    )
    rate: float = Field(
        200.0, gt=0, le=1_000_000, description="Requests, or notifications, a second."
    )
    batch_size: int = Field(100, ge=1, le=1000, description="Insights of one request at most.")
    batch_wait_s: float = Field(
        1.0, ge=0, le=600, description="How long an insight waits for others to go with it."
    )
    rest_s: float = Field(
        1800.0,
        ge=60,
        le=31_536_000,
        description="A conversation without activity for so long is sent as a history.",
    )
    retry_first_s: float = Field(
        1.0, gt=0, le=600, description="Bound of the first wait after a failure; doubles."
    )
    retry_most_s: float = Field(300.0, gt=0, le=86_400, description="The bound stays there.")
    retry_after_most_s: float = Field(
        3600.0, gt=0, le=86_400, description="A longer Retry-After counts as so long."
    )
    breaker_failures: int = Field(
        5, ge=1, le=1000, description="Failures in a row that open the circuit (1 for a notifier)."
    )
    reconnect_s: float = Field(
        5.0, gt=0, le=600, description="An open circuit waits so long × 2^n for its n-th trial."
    )
    reconnect_most_s: float = Field(60.0, gt=0, le=3600, description="But not longer.")
    reconnect_attempts: int = Field(
        10, ge=1, le=10_000, description="Trials that fail before there is an alarm; it goes on."
    )
    ping_s: float = Field(30.0, gt=0, le=600, description="Between pings of a notifier.")
    pong_s: float = Field(10.0, gt=0, le=600, description="How long a pong may take.")
    confirm_s: float = Field(
        1.0,
        ge=0,
        le=60,
        description="A notification counts as delivered when its connection still answers so long "
        "after it.",
    )
    ack_s: float = Field(
        30.0, gt=0, le=86_400, description="A missing acknowledgement is asked for after it."
    )
    min_confidence: float = Field(
        0.8, ge=0, le=1, description="The least confidence of answers that a notifier hears of."
    )
    deadline_s: float = Field(
        259_200.0, gt=0, le=31_536_000, description="What was not delivered by then is parked."
    )
    keep_s: float = Field(
        604_800.0, ge=60, le=31_536_000, description="How long delivered entries can be looked at."
    )
    audit: bool = Field(True, description="Whether each delivery stands in the audit log.")

    @model_validator(mode="after")
    def _fits(self) -> DestinationSettings:
        problems = [one for one in (_address(self), _combination(self)) if one]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _address(given: DestinationSettings) -> str:
    """What is wrong with its address, "" for nothing."""
    safe, plain = _SCHEMES[given.kind]
    try:
        parts = urlsplit(given.url)
        _ = parts.port
    except ValueError:
        return "url: not an address"
    if parts.scheme not in (safe, plain) or not parts.hostname:
        return f"url: needs {safe}://host"
    if parts.username is not None or parts.password is not None:
        return "url: must not hold a user or password; use api_key"
    if parts.fragment:
        return "url: must not have a fragment"
    if parts.query and given.kind is DestinationKind.INGEST:
        return "url: the base of an ingest has no query"
    if not given.url.isascii() or any(one <= " " for one in given.url):
        return "url: printable ASCII only"
    if parts.scheme == plain and not given.allow_plain and not is_loopback_name(parts.hostname):
        return f"url: {plain} needs allow_plain = true; without it only {safe} leaves the machine"
    return ""


def _combination(given: DestinationSettings) -> str:
    if given.api_key is None and given.kind is not DestinationKind.WEBHOOK:
        return f"api_key: {given.kind} needs one"
    if given.kind is DestinationKind.NOTIFIER:
        if given.signing_key is not None:
            return "signing_key: a notifier's messages are not signed"
        possible = set(_DEFAULT_TYPES[DestinationKind.NOTIFIER])
        if wrong := [one.value for one in given.types if one not in possible]:
            return f"types: a notifier gets no {', '.join(wrong)}"
    if given.warn_bytes > given.max_bytes:
        return "warn_bytes: is more than max_bytes"
    if given.retry_first_s > given.retry_most_s:
        return "retry_first_s: is more than retry_most_s"
    return ""


class Destination(DestinationSettings):
    """A destination with its name and its secrets."""

    name: str
    key: SecretStr = SecretStr("")
    signature: SecretStr = SecretStr("")

    @property
    def kinds(self) -> frozenset[MessageKind]:
        """Messages that it gets."""
        return frozenset(self.types or _DEFAULT_TYPES[self.kind])

    @property
    def severity(self) -> Severity:
        """The least severity of insights."""
        return Severity[self.min_severity.upper()]

    def wants(self, kind: MessageKind, tenant: str) -> bool:
        """Whether it gets such messages of a tenant."""
        return kind in self.kinds and (not self.tenants or tenant in self.tenants)


def read_destinations(path: Path, environment: Mapping[str, str]) -> tuple[Destination, ...]:
    """The destinations of a file, by name. Raises DestinationsError."""
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise DestinationsError(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DestinationsError(f"{path} is no TOML: {error}") from error
    tables: object = document.pop("destinations", {})
    if document or not isinstance(tables, dict):
        others = ", ".join(sorted(document)) or "destinations"
        raise DestinationsError(f"{path}: {others}: only tables [destinations.NAME] are known")
    found: list[Destination] = []
    problems: list[str] = []
    for name, table in sorted(cast(dict[str, object], tables).items()):
        try:
            found.append(_read(name, table, environment))
        except ValidationError as error:
            problems += [
                f"{name}.{_where(one['loc'], one['msg'])}"
                for one in error.errors(include_input=False)
            ]
        except ValueError as error:
            problems.append(f"{name}.{error}")
    if problems:
        raise DestinationsError("\n".join(f"{path}: destinations.{one}" for one in problems))
    return tuple(found)


def _read(name: str, table: object, environment: Mapping[str, str]) -> Destination:
    if not _NAME.fullmatch(name):
        raise ValueError("name: up to 63 of a-z, 0-9, _ and -, a letter or digit first")
    given = DestinationSettings.model_validate(table)
    secrets: dict[str, SecretStr] = {}
    for field, into in (("api_key", "key"), ("signing_key", "signature")):
        source: Secret | None = getattr(given, field)
        if source is not None:
            try:
                secrets[into] = source.read(environment)
            except ValueError as error:
                raise ValueError(f"{field}: {error}") from error
    signature = secrets.get("signature")
    if signature is not None and len(signature.get_secret_value()) < _MIN_KEY:
        raise ValueError(f"signing_key: needs at least {_MIN_KEY} characters")
    return Destination(name=name, **secrets, **{one: getattr(given, one) for one in _FIELDS})


_FIELDS = tuple(DestinationSettings.model_fields)


def _where(place: tuple[int | str, ...], said: str) -> str:
    where = ".".join(str(one) for one in place)
    said = said.removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
