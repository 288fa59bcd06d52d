"""Settings: read once, at the edge, from EPS_* variables; nothing else reads the environment.

docs/settings.md lists them all; a test holds the two together.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .agent.models.links import parse_links
from .agent.models.prices import ModelPrice
from .domain.levels import stream_events


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not an IANA time zone, such as Europe/Berlin") from error
    return name


def _aware(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise ValueError("needs an offset, such as 2018-03-15T16:30:00-04:00")
    return at


def _links(text: str) -> str:
    parse_links(text)
    return text


def _shown(text: str) -> str:
    stream_events(text)
    return text


Links = Annotated[str, AfterValidator(_links)]
Shown = Annotated[str, AfterValidator(_shown)]
TimeZoneName = Annotated[str, AfterValidator(_zone)]
AwareDatetime = Annotated[datetime | None, AfterValidator(_aware)]


def _off(port: object) -> object:
    return None if port in ("", "off") else port


MetricsPort = Annotated[int | None, BeforeValidator(_off)]


_OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_WRONG = "unreadable files"
"""In the place of a setting's name: why a file gives no value."""


class _Unreadable(ValueError):
    """A file gives no value."""


class _Files(PydanticBaseSettingsSource):
    """Settings whose variable is not there, but one of the same name with _FILE behind it: the
    path of a file that holds the value, as secrets of containers do. One line end is no part of
    it."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's text; None where no file is named. Raises _Unreadable."""
        variable = f"EPS_{field_name.upper()}"
        path = os.environ.get(f"{variable}_FILE", "")
        if not path:
            return None, field_name, False
        if variable in os.environ:
            raise _Unreadable(f"{variable} and {variable}_FILE: only one")
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise _Unreadable(f"{variable}_FILE: {path}: {error.strerror}") from error
        except UnicodeError as error:
            raise _Unreadable(f"{variable}_FILE: {path}: not UTF-8") from error
        return text.removesuffix("\n").removesuffix("\r"), field_name, False

    def __call__(self) -> dict[str, Any]:
        """What files say."""
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            try:
                value, key, _ = self.get_field_value(field, name)
            except _Unreadable as error:
                return {_WRONG: str(error)}
            if value is not None:
                is_complex = self.field_is_complex(field)
                found[key] = self.prepare_field_value(name, field, value, is_complex)
        return found


class Settings(BaseSettings):
    """One process of the service. Durations are seconds, sizes bytes."""

    model_config = SettingsConfigDict(
        env_prefix="EPS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then variables, then files that variables name."""
        return init_settings, env_settings, _Files(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _files_were_read(cls, values: Any) -> Any:
        if wrong := cast("dict[str, Any]", values).get(_WRONG):
            raise ValueError(wrong)
        return values

    home: Path = Field(
        Path(".eps"), description="Folder of database, logs and pids; made where it is missing."
    )
    database_url: str = Field(
        "",
        description="`sqlite:///path` or `postgresql://user:password@host/name`. "
        "Empty: an SQLite file in EPS_HOME.",
    )
    redis_url: str = Field(
        "",
        description="`redis://host:port/db`: what replicas share. Empty: one process, no Redis.",
    )
    redis_prefix: str = Field(
        "eps", min_length=1, max_length=64, description="Begins every key and channel in Redis."
    )
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Only loopback until identity and TLS are configured.",
    )
    port: int = Field(50051, ge=0, le=65535, description="gRPC port; 0 takes any free one.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that share the port; each has one of its own beside it. "
        "More than one needs EPS_REDIS_URL.",
    )
    port_search: int = Field(
        20, ge=0, le=1000, description="How many ports above a taken one are tried."
    )
    clock: AwareDatetime = Field(
        None, description="Moves the site clock: ISO 8601 with an offset. Empty: the real time."
    )
    time_zone: TimeZoneName = Field(
        "UTC", description="IANA zone of the tenant, where neither question nor cameras have one."
    )
    reflection: bool | None = Field(
        None, description="gRPC reflection. Empty: on when listening on loopback."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity of log lines."
    )
    log_format: Literal["json", "console"] = Field("json", description="Form of log lines.")
    heartbeat_s: float = Field(
        15.0, ge=0.05, le=300, description="Idle time after which a stream gets a heartbeat."
    )
    chat_ping_s: float = Field(
        60.0, ge=0.05, le=3600, description="A chat whose client sent nothing for so long is ended."
    )
    stream_age_s: float = Field(
        1800.0,
        ge=0.05,
        le=86_400,
        description="Age at which a stream of Ask, WatchTurn or Chat is asked to go on elsewhere, "
        "give or take 20 %.",
    )
    stream_leave_s: float = Field(
        30.0, ge=0, le=600, description="How long a stream that was asked so still delivers."
    )
    compat_events: Shown = Field(
        "L1",
        description="Events that streams of older clients have (migration.md): `L1` tokens, `L2` "
        "also what the agent does, or a list with commas. The header `x-stream-events` stands "
        "above it.",
    )
    turn_timeout_s: float = Field(120.0, gt=0, le=3600, description="A turn's own budget.")
    turn_orphan_s: float = Field(
        60.0, gt=0, le=3600, description="A running turn that nobody reads is cancelled after it."
    )
    turn_log_bytes: int = Field(
        256 * 1024 * 1024, ge=1024 * 1024, description="Memory that the logs of all turns may take."
    )
    turn_log_keep_s: float = Field(
        900.0, gt=0, le=86_400, description="How long the log of an ended turn can be read."
    )
    history_turns: int = Field(
        20, ge=0, le=200, description="Earlier turns of a conversation that its agent sees."
    )
    hot_memory_s: float = Field(
        3600.0,
        ge=0,
        le=86_400,
        description="How long those earlier turns are kept ready, beside the database. 0: not.",
    )
    max_message_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="Largest message accepted."
    )
    retention_conversations_s: float | None = Field(
        None,
        ge=3600,
        le=3_155_760_000,
        description="Conversations without activity for so long are deleted. Empty: never.",
    )
    retention_events_s: float | None = Field(
        None,
        ge=3600,
        le=3_155_760_000,
        description="Events that began so long ago are deleted, by the site clock. Empty: never.",
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="Address of the metrics endpoint, for Prometheus."
    )
    metrics_port: MetricsPort = Field(
        9464,
        ge=0,
        le=65535,
        description="HTTP port of `/metrics`; a taken one moves to the next free one. 0 takes any, "
        "`off` none.",
    )
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="Address of a collector that takes traces by OTLP over HTTP, such as "
        "`http://127.0.0.1:4318`. Empty: what OpenTelemetry's own variables say, else none.",
    )
    models: Links = Field(
        "grounded",
        description="What answers, tried in order: `grounded` or "
        "`provider:model[@address[#KEY_VARIABLE]]`, with commas between (models.md).",
    )
    model_first_token_s: float = Field(
        20.0,
        gt=0,
        le=600,
        description="A model that says nothing for so long is passed over, waiting for its turn "
        "included.",
    )
    model_idle_s: float = Field(
        20.0, gt=0, le=600, description="So is one that stops for so long in the middle."
    )
    model_call_s: float = Field(
        60.0, gt=0, le=3600, description="So is one whose whole call takes longer."
    )
    model_calls: int = Field(
        32, ge=0, le=10_000, description="Calls that a model may have at a time; 0 for no limit."
    )
    model_steps: int = Field(
        6, ge=1, le=50, description="Calls of models for one answer, lookups between them."
    )
    model_tokens: int = Field(
        60_000,
        ge=1000,
        le=100_000_000,
        description="Tokens, in and out, after which an answer has to be given.",
    )
    model_seconds: float = Field(
        60.0, gt=0, le=3600, description="Time after which an answer has to be given."
    )
    model_output_tokens: int = Field(
        2000, ge=16, le=1_000_000, description="Most tokens that one call may put out."
    )
    model_temperature: float | None = Field(
        None, ge=0, le=2, description="Sampling of models. Empty: their own."
    )
    model_prices: dict[str, ModelPrice] = Field(
        {},
        description="Prices of models, before the built-in ones: JSON, by model, in US dollars for "
        '1 M tokens: `{"openai:glm-4.6": {"input": 0.6, "output": 2.2, "cached": 0.11}}`.',
    )
    retention_insights_s: float | None = Field(
        None,
        ge=3600,
        le=3_155_760_000,
        description="Resolved insights, and entries of their log, that are so old are deleted. "
        "Empty: never.",
    )
    insights: bool = Field(
        True,
        description="Detectors watch events and coverage, and standing questions are looked at, on "
        "one replica at a time.",
    )
    insight_slot_minutes: Literal[15, 20, 30, 60] = Field(
        15, description="Length of the slots that detectors count events in."
    )
    insight_ring_bytes: int = Field(
        8 * 1024 * 1024,
        ge=64 * 1024,
        description="Memory that a tenant's newest insights may take for their subscribers.",
    )
    destinations: Path | None = Field(
        None,
        description="TOML file of where answers, histories and insights are sent (delivery.md). "
        "Empty: nowhere.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Seals resume tokens: at least 32 characters, the same in all replicas. "
        "Empty: one that is made once and kept in the database.",
    )
    drain_s: float = Field(
        30.0, ge=0, le=600, description="How long running turns may go on after SIGTERM."
    )

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if 0 < len(key.get_secret_value().encode()) < 32:
            raise ValueError("needs at least 32 characters")
        return key

    jwt_jwks: str = Field(
        "",
        description="Identity: keys that sign bearer tokens (RS256, ES256, EdDSA), a JWKS file or "
        "an https address.",
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Identity: shared secret of HS256 tokens, 32 bytes or more."
    )
    jwt_audience: str = Field("", description="Must be among a token's `aud`.")
    jwt_issuer: str = Field("", description="Must be a token's `iss`.")
    jwt_skew_s: float = Field(
        30.0, ge=0, le=300, description="By how much clocks may differ where a token is judged."
    )
    jwt_claims: str = Field(
        "",
        description="Which claim says what, `tenant=org_id,role=group`. Default: `tenant`, "
        "`tenants`, `sub` (user), `name`, `role`, `cameras`, `sites`.",
    )
    api_keys: bool = Field(False, description="Identity: API keys, made by `eps keys create`.")
    anonymous_tenant: str = Field(
        "",
        description="Identity: the tenant that callers without credentials may ask. Empty: none.",
    )
    trusted_gateways: str = Field(
        "",
        description="Identities whose context headers are believed, with commas between: "
        "`certificate:<tenant>/<user>`, `key:<tenant>/<user>` or `token:<tenant>/<user>`.",
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the server's certificate chain. Read again when it changes."
    )
    tls_key: Path | None = Field(None, description="PEM file of its key.")
    tls_client_ca: Path | None = Field(
        None,
        description="Identity: PEM file of the authorities that clients' certificates come from; "
        "every client then needs one (CN is the user, O the tenant, OU the role).",
    )
    insecure: bool = Field(
        False, description="Plain text on other addresses than loopback: something else encrypts."
    )

    consent_policy: str = Field(
        "",
        max_length=128,
        pattern=r"^[\x21-\x7e]*$",
        description="Version of the policy that users have to consent to before anything of theirs "
        "is stored: printable, without blanks. Empty: consent is not required.",
    )

    limits: Literal["auto", "on", "off"] = Field(
        "auto", description="Limits on callers; auto: where identity is configured."
    )
    limit_questions: int = Field(
        60, ge=1, description="Questions of one user a minute. (Older clients expect 5.)"
    )
    limit_calls: int = Field(
        600, ge=1, description="Other calls of one user a minute, and as many streams begun."
    )
    limit_streams: int = Field(
        50, ge=1, description="Streams of one user open at the same time, a process."
    )
    limit_turns: int = Field(
        10, ge=1, description="Turns of one user that run at the same time, a process."
    )
    limit_tenant_questions: int = Field(
        600, ge=1, description="Questions of all users of a tenant a minute."
    )
    limit_tenant_calls: int = Field(
        6000, ge=1, description="Other calls of all users of a tenant a minute."
    )
    limit_tenant_streams: int = Field(
        1000, ge=1, description="Streams of a tenant open at the same time, a process."
    )
    limit_anonymous_questions: int = Field(
        5, ge=1, description="Questions a minute from one address without credentials."
    )
    limit_all_turns: int = Field(
        500, ge=1, description="Turns that run at the same time, a process; more are refused."
    )

    limit_memory_bytes: int | None = Field(
        None,
        ge=0,
        description="Memory of a process at which new questions and streams are refused. Empty: "
        "its share of three quarters of what the machine, or its control group, has. 0: never.",
    )

    @property
    def traced(self) -> bool:
        """Whether traces are sent: by our setting, or by OpenTelemetry's standard variables."""
        if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return False
        if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
            return False
        return bool(self.otlp_endpoint) or any(os.environ.get(name) for name in _OTLP_ENDPOINTS)

    @property
    def limited(self) -> bool:
        """Whether callers have limits."""
        return self.limits == "on" or (self.limits == "auto" and self.identity_configured)

    @model_validator(mode="after")
    def _proofs_are_whole(self) -> Self:
        if self.jwt_configured and not (self.jwt_audience and self.jwt_issuer):
            raise ValueError("tokens need EPS_JWT_AUDIENCE and EPS_JWT_ISSUER")
        if self.jwt_secret is not None and len(self.jwt_secret.get_secret_value().encode()) < 32:
            raise ValueError("EPS_JWT_SECRET needs at least 32 bytes")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("EPS_TLS_CERTIFICATE and EPS_TLS_KEY belong together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("EPS_TLS_CLIENT_CA needs EPS_TLS_CERTIFICATE")
        if self.trusted_gateways and not self.identity_configured:
            raise ValueError("EPS_TRUSTED_GATEWAYS needs a way to tell who calls")
        return self

    @property
    def jwt_configured(self) -> bool:
        """Whether bearer tokens are accepted."""
        return bool(self.jwt_jwks) or self.jwt_secret is not None

    @property
    def identity_configured(self) -> bool:
        """Whether callers are asked who they are."""
        return bool(
            self.jwt_configured
            or self.api_keys
            or self.tls_client_ca is not None
            or self.anonymous_tenant
        )

    @model_validator(mode="after")
    def _workers_share(self) -> Self:
        if self.workers > 1 and not self.redis_url:
            raise ValueError("more than one worker needs Redis: set EPS_REDIS_URL")
        return self

    @classmethod
    def from_environment(cls, **given: Any) -> Self:
        """What EPS_* variables say; `given` stands above them. Raises ValidationError."""
        return cls(**given)

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'eps.db'}"
