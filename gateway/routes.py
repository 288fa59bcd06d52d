"""Which path goes where, and what may be tried again.

A request that never reached a worker may always go to another one. One that a worker refused may
only where doing it twice is doing it once: methods that the contract binds to a GET. Streams have
no time-out of their own, only one for silence, which heartbeats keep away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .descriptors import methods

Config = dict[str, Any]

CLUSTER = "service"
_HEALTH = "/grpc.health.v1.Health/"

_CONTEXT = (
    *("user-id", "user-name", "user-email", "user-role", "user-tenant-id", "user-tenant-ids"),
    *("user-customer-id", "site-id", "log-id", "access-token"),
    *("user-systems", "user-groups", "user-charge-points", "user-storage"),
    *("systems", "groups", "charge-points", "storage"),
)
"""What a gateway in front of older services says of its callers, without the vendor's name."""

FROM_OUTSIDE = (
    # Who somebody is comes from their token, never from what they say beside it. The same names
    # with underscores are dropped with every other header that has one.
    *(f"{prefix}alteco-{name}" for name in _CONTEXT for prefix in ("", "x-")),
    "x-tenant-id",
    "x-tenant-ids",
    "x-user-id",
    "x-user-name",
    "x-user-email",
    "x-user-role",
    "x-site-id",
    "x-customer-id",
    "x-forwarded-client-cert",
    "x-replica",
)
"""Request headers that are dropped."""

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    # For answers that somebody opens as a page; drawn stills style themselves.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "sandbox; frame-ancestors 'none'",
}
PAGES_POLICY = (
    "default-src 'self'; script-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""Content-Security-Policy of the web app: no script but its own files, none in its page. Charts set
styles on their elements."""


def to_service(idle_s: float) -> list[Config]:
    """Routes of the contract, most particular first.

    The transcoder turns a REST path into its method's own before routes are looked at again, so
    that what may be tried again is said once for both.
    """
    safe = [one.path for one in methods() if one.safe]
    return [
        *(_route({"path": path}, idle_s, retry=READ_AGAIN) for path in safe),
        _route({"prefix": "/enhanced_prompt.v1."}, idle_s),
        _route({"prefix": _HEALTH}, idle_s, retry=READ_AGAIN),
        *(_bare(path, idle_s) for path in WITH_SLASH),
        *(_route({"prefix": prefix}, idle_s) for prefix in _OURS),
        *(_route(match, idle_s) for match in _elsewhere()),
    ]


_OURS = ("/v1/", "/api/")
"""What begins so is the contract's, also where it names no such path."""


def _elsewhere() -> list[Config]:
    """The contract's other paths, those of older clients among them."""
    found: dict[str, Config] = {}
    for method in methods():
        for binding in method.bindings:
            fixed, brace, _ = binding.path.partition("{")
            if not fixed.startswith(_OURS):
                found[binding.path] = {"prefix": fixed} if brace else {"path": fixed}
    return [found[path] for path in sorted(found)]


UNREACHED: Config = {
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 3,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 3,
    "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
}
READ_AGAIN: Config = UNREACHED | {"retry_on": f"{UNREACHED['retry_on']},unavailable"}

WITH_SLASH = ("/api/v2/chat/completions/", "/api/v2/chat/health/")
"""Paths of older clients that end in a slash, which a path template can't (seen with 1.40)."""


def document(path: str, file: Path, content_type: str) -> Config:
    """A file that Envoy answers a GET of a path with."""
    kept = {"content-type": content_type, "cache-control": "no-cache"}
    reading = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    return direct(
        {"path": path, "headers": [reading]},
        {"status": 200, "body": {"filename": str(file)}},
        kept,
    )


def direct(match: Config, answer: Config, headers: dict[str, str]) -> Config:
    """What Envoy answers itself."""
    return {
        "match": match,
        "direct_response": answer,
        # It refuses what is no method of the contract.
        "typed_per_filter_config": {"envoy.filters.http.grpc_json_transcoder": _OFF},
        "response_headers_to_add": [
            {"header": {"key": key, "value": value}, **_OVERWRITE} for key, value in headers.items()
        ],
    }


_OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
_OVERWRITE = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _bare(path: str, idle_s: float) -> Config:
    route = _route({"path": path}, idle_s)
    route["route"]["prefix_rewrite"] = path.rstrip("/")
    return route


def _route(match: Config, idle_s: float, *, retry: Config = UNREACHED) -> Config:
    return {
        "match": match,
        "route": {
            "cluster": CLUSTER,
            "timeout": "0s",
            "idle_timeout": f"{idle_s:g}s",
            "max_stream_duration": {"grpc_timeout_header_max": "0s"},
            "retry_policy": retry,
        },
    }
