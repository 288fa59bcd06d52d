"""Which path goes where, and what may be tried again.

A request that never reached a worker may always go to another one. One that a worker refused may
only where doing it twice is doing it once: reads, by the names of their methods. Streams have no
time-out of their own, only one for silence, which heartbeats keep away.
"""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

CLUSTER = "service"
READS = r"/enhanced_prompt\.v1\.[A-Za-z]+/(Get|List|Count|Search|Check|Watch)[A-Za-z]*"

FROM_OUTSIDE = (
    # Who somebody is comes from their token, never from what they say beside it.
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
}
PAGES_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""Content-Security-Policy of the web app. Charts set styles on their elements."""

CLIPS = "/enhanced_prompt.v1.EventService/GetEventClip"
CLIP_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
"""Content-Security-Policy of drawn clips: a picture, whatever stands in it."""


def to_service(idle_s: float) -> list[Config]:
    """Routes of the contract, most particular first."""
    return [
        # The transcoder lets a route be chosen anew by the method's own path.
        _inert(_route({"path": CLIPS}, idle_s, retry=READ_AGAIN)),
        _route({"safe_regex": {"regex": READS}}, idle_s, retry=READ_AGAIN),
        _route({"prefix": "/enhanced_prompt.v1."}, idle_s),
        _route({"prefix": "/grpc.health.v1.Health/"}, idle_s),
        _route({"prefix": "/v1/"}, idle_s),
        *(_bare(path, idle_s) for path in WITH_SLASH),
        _route({"prefix": "/api/"}, idle_s),
        _route({"path": "/metrics/stream"}, idle_s),
        _route({"path": "/health"}, idle_s),
    ]


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


def _inert(route: Config) -> Config:
    """The same, for what must not do anything in a browser."""
    policy = {"key": "content-security-policy", "value": CLIP_POLICY}
    action = "OVERWRITE_IF_EXISTS_OR_ADD"
    return route | {"response_headers_to_add": [{"header": policy, "append_action": action}]}


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
