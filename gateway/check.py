"""What Envoy itself says of every variant of the configuration (`envoy --mode validate`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .launch import GatewayFailedError, envoy_binary, loopback, prepare, validate
from .options import Endpoint, GatewayOptions, Pages, Tls
from .places import in_a_container, on_this_machine


def variants(folder: Path) -> Iterator[tuple[str, GatewayOptions]]:
    """Each by its name; what they need is made in the folder."""
    app = folder / "app"
    (app / "assets").mkdir(parents=True)
    (app / "index.html").write_text("<p>hello</p>")
    (app / "assets" / "main-a1b2c3d4.js").write_text("hello()")
    (folder / "tls").mkdir()
    tls = Tls(folder / "tls" / "tls.crt", folder / "tls" / "tls.key")
    origins = ("https://ops.example",)
    here = on_this_machine(loopback(8080), (loopback(50051),), loopback(9901), origins=origins)
    yield "plain", here
    yield "two workers", replace(here, upstreams=(loopback(50052), Endpoint("::1", 50053)))
    yield "pages", replace(here, pages=Pages(app))
    yield "TLS", replace(here, tls=tls)
    yield "container", in_a_container(origins=origins)
    # Its folder is not here, and Envoy wants to watch it.
    yield "container with TLS", replace(in_a_container(tls=True), tls=tls)


def complaints() -> list[str]:
    """A text for each variant that Envoy refuses; none where there is no Envoy to ask."""
    try:
        envoy_binary()
    except GatewayFailedError:
        return []
    found: list[str] = []
    with tempfile.TemporaryDirectory() as made:
        for number, (name, options) in enumerate(variants(Path(made))):
            at = Path(made) / str(number)
            if wrong := validate(prepare(options, at)):
                found.append(f"{name}: {wrong}")
    return found
