"""The built web app, served by Envoy itself: one route a file, so that nothing else can be reached.

Files whose names carry a hash are kept by browsers for a year; the page itself is asked for anew.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from .routes import PAGES_POLICY, Config

_HASHED = re.compile(r"-[A-Za-z0-9_-]{8,}\.\w+$")
_TYPES = {
    ".js": "application/javascript",
    ".mjs": "application/javascript",
    ".webmanifest": "application/json",
}
APP_PATHS = r"/(ask|timeline|insights|dashboard|metrics|history|templates|sign-in)(/.*)?"
"""Addresses that the app knows itself: they all open its one page."""


def page_routes(folder: Path, served_at: Path | None = None) -> list[Config]:
    """Routes for every file of a folder. `served_at` is where Envoy finds it, if elsewhere."""
    place = served_at or folder
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    routes = [
        _file({"path": f"/{one.relative_to(folder).as_posix()}"}, place / one.relative_to(folder))
        for one in files
    ]
    index = place / "index.html"
    return [
        *routes,
        _file({"path": "/"}, index),
        _file({"safe_regex": {"regex": APP_PATHS}}, index),
    ]


def _file(match: Config, file: Path) -> Config:
    kept = "public, max-age=31536000, immutable" if _HASHED.search(file.name) else "no-cache"
    return {
        "match": match,
        "direct_response": {"status": 200, "body": {"filename": str(file)}},
        # It refuses what is no method of the contract.
        "typed_per_filter_config": {"envoy.filters.http.grpc_json_transcoder": _OFF},
        "response_headers_to_add": [
            {"header": {"key": "content-type", "value": _type(file)}, **_OVERWRITE},
            {"header": {"key": "cache-control", "value": kept}, **_OVERWRITE},
            {"header": {"key": "content-security-policy", "value": PAGES_POLICY}, **_OVERWRITE},
        ],
    }


_OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
_OVERWRITE = {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _type(file: Path) -> str:
    found = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    kind = found or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
