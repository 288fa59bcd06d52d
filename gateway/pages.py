"""The built web app, served by Envoy itself: one route a file, so that nothing else can be reached.

Files whose names carry a hash are kept by browsers for a year; the page itself is asked for anew,
and answered with 304 where it is the one that the browser has. `config.json`, which whoever runs
the service may put another file in the place of, is never kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from .options import Pages
from .routes import PAGES_POLICY, Config, direct

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Envoy keeps the files in memory; an app does not have larger ones."""
MAX_FILES = 500

INDEX = "index.html"
RUN_TIME = "config.json"

_HASHED = re.compile(r"-[A-Za-z0-9_-]{8,}\.\w+(\.map)?$")
_TYPES = {
    # As in the compressor's own list, which knows no text/javascript.
    ".js": "application/javascript",
    ".mjs": "application/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/json",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}


class NotServableError(ValueError):
    """The folder holds no web app, or more than Envoy should keep."""


def page_routes(pages: Pages) -> list[Config]:
    """Routes for every file of the app, and its page for addresses that it knows itself.

    Raises NotServableError.
    """
    files = sorted(one for one in pages.folder.rglob("*") if one.is_file())
    index = pages.folder / INDEX
    if index not in files:
        raise NotServableError(f"no web app in {pages.folder}: {INDEX} is missing")
    if len(files) > MAX_FILES:
        raise NotServableError(f"{len(files)} files in {pages.folder}, more than {MAX_FILES}")
    routes: list[Config] = []
    for one in files:
        routes += _file(pages, one, {"path": f"/{one.relative_to(pages.folder).as_posix()}"})
    # Any other address without a file's ending, asked for by somebody who looks at pages; whoever
    # mistyped a path of the API is told that there is nothing.
    looking = {"name": "accept", "string_match": {"contains": "text/html"}}
    return [
        *routes,
        *_file(pages, index, {"path": "/"}),
        *_file(pages, index, {"safe_regex": {"regex": r"/[^.]*"}, "headers": [looking]}),
    ]


def _file(pages: Pages, file: Path, match: Config) -> Iterator[Config]:
    """Its routes: nothing where the browser has it already, else the whole."""
    content = file.read_bytes()
    if len(content) > MAX_FILE_BYTES:
        raise NotServableError(f"{file} is larger than {MAX_FILE_BYTES} bytes")
    seen_from_envoy = (pages.served_at or pages.folder) / file.relative_to(pages.folder)
    reading = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    match = match | {"headers": [*match.get("headers", []), reading]}
    headers = {
        "cache-control": _kept(file),
        "content-security-policy": PAGES_POLICY,
    }
    if file.name != RUN_TIME:
        # Weak: the compressor makes other bytes of it.
        headers["etag"] = f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
        had = {"name": "if-none-match", "string_match": {"contains": headers["etag"]}}
        yield direct(match | {"headers": [*match["headers"], had]}, {"status": 304}, headers)
    headers = {"content-type": _TYPES.get(file.suffix, "application/octet-stream"), **headers}
    yield direct(match, {"status": 200, "body": {"filename": str(seen_from_envoy)}}, headers)


def _kept(file: Path) -> str:
    if file.name == RUN_TIME:
        return "no-store"
    return "public, max-age=31536000, immutable" if _HASHED.search(file.name) else "no-cache"
