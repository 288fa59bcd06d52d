"""Events that no camera ever saw, drawn: what clip links of simulated sites open.

An SVG that holds text and shapes and nothing else: no script, no link, nothing from elsewhere.
Everything in it comes from the event and its site; the tree is built by elements, so that whatever
a text holds stays text. It moves by CSS, which people can turn off in their browser.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from ...domain.catalogue import Site
from ...domain.events import Event

MEDIA_TYPE = "image/svg+xml"
WIDTH, HEIGHT = 640, 360
_FLOOR = 268
_MOST_FIGURES = 6
_LONGEST = 70  # characters in a line
_COLOURS = ("#c96f4a", "#5b8fd0", "#d0a94a", "#6aa874", "#9a7bc8", "#c9606f", "#4fa3a5")

_STYLE = """
text{font-family:ui-monospace,Menlo,Consolas,monospace;fill:#e8edf2}
.small{font-size:13px}.line{font-size:15px}.label{font-size:20px;font-weight:600}
.mark{font-size:64px;font-weight:700;fill:#ffffff;opacity:.13;letter-spacing:6px}
.walk{animation:walk 8s ease-in-out infinite alternate}
.light{animation:blink 1.2s steps(2,jump-none) infinite}
@keyframes walk{from{transform:translateX(-46px)}to{transform:translateX(46px)}}
@keyframes blink{from{opacity:1}to{opacity:.15}}
@media (prefers-reduced-motion:reduce){.walk,.light{animation:none}}
"""

Draw = Callable[[Element, float, str], None]


def draw_clip(event: Event, site: Site) -> bytes:
    """The picture of an event, UTF-8. The same event gives the same picture."""
    camera = _camera(event, site)
    at = _time(event, site)
    label = _said(event.sub_label or event.label or event.event_type)
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {HEIGHT}",
            "width": str(WIDTH),
            "height": str(HEIGHT),
            "role": "img",
        },
    )
    SubElement(root, "title").text = _text(f"Simulation: {label} at {camera}, {at}")
    SubElement(root, "style").text = _STYLE
    _scene(root, event, site)
    _figures(root, event)
    _words(root, (camera, _zones(event, site), at, label), event)
    return tostring(root, encoding="utf-8", xml_declaration=True)


def _scene(root: Element, event: Event, site: Site) -> None:
    """Sky or wall, and the floor; darker where the site's hour is one of the night."""
    night = not 7 <= event.start_time.astimezone(site.zone_info).hour < 19
    wall, floor = ("#1b2430", "#10161e") if night else ("#4b5b6c", "#36424f")
    _box(root, 0, 0, WIDTH, HEIGHT, wall)
    _box(root, 0, _FLOOR, WIDTH, HEIGHT - _FLOOR, floor)
    for x in range(-80, WIDTH + 80, 120):
        points = f"{x},{HEIGHT} {x + 40},{_FLOOR} {x + 42},{_FLOOR} {x + 8},{HEIGHT}"
        SubElement(root, "polygon", {"points": points, "fill": "#ffffff", "opacity": ".05"})
    mark = SubElement(
        root,
        "text",
        {"class": "mark", "x": str(WIDTH // 2), "y": "170", "text-anchor": "middle"},
    )
    mark.text = "SIMULATION"


def _figures(root: Element, event: Event) -> None:
    """Who or what took part, as silhouettes; beyond some, those stand for all."""
    count = min(max(event.participants, 1), _MOST_FIGURES)
    draw = _DRAWN.get(event.label.casefold(), _thing)
    chance = zlib.crc32(event.event_id.encode("utf-8", "replace"))
    group = SubElement(root, "g", {"class": "walk"})
    width = 78 if draw in (_person, _thing) else 150
    left = WIDTH / 2 - width * (count - 1) / 2
    for number in range(count):
        draw(group, left + number * width, _COLOURS[(chance + number) % len(_COLOURS)])


def _words(root: Element, told: tuple[str, str, str, str], event: Event) -> None:
    camera, zones, at, label = told
    _box(root, 0, 0, WIDTH, 40, "#0b0f14", ".7")
    _box(root, 0, HEIGHT - 58, WIDTH, 58, "#0b0f14", ".7")
    light = {"class": "light", "cx": "20", "cy": "20", "r": "6", "fill": "#e0453a"}
    SubElement(root, "circle", light)
    where = f"{camera} · {zones}" if zones else camera
    _line(root, 36, 25, "line", where)
    _line(root, WIDTH - 14, 25, "small", "SIMULATION", "end")
    many = f" × {event.participants}" if event.participants > 1 else ""
    sure = "" if event.confidence is None else f" · {event.confidence:.0%} sure"
    _line(root, 14, HEIGHT - 34, "label", f"{label}{many}")
    _line(root, WIDTH - 14, HEIGHT - 34, "line", f"{at}{sure}", "end")
    _line(root, 14, HEIGHT - 13, "small", event.description)


def _line(root: Element, x: float, y: float, style: str, text: str, anchor: str = "start") -> None:
    fields = {"class": style, "x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}
    SubElement(root, "text", fields).text = _text(text)


def _box(
    root: Element, x: float, y: float, width: float, height: float, fill: str, opacity: str = "1"
) -> None:
    fields = {"x": x, "y": y, "width": width, "height": height}
    given = {name: f"{value:g}" for name, value in fields.items()}
    SubElement(root, "rect", {**given, "fill": fill, "opacity": opacity})


def _dot(root: Element, x: float, y: float, radius: float, fill: str) -> None:
    SubElement(root, "circle", {"cx": f"{x:g}", "cy": f"{y:g}", "r": f"{radius:g}", "fill": fill})


# ---- silhouettes, which stand on the floor at x -------------------------------------------------


def _person(root: Element, x: float, colour: str) -> None:
    y = _FLOOR + 8
    _dot(root, x, y - 96, 13, "#d9b99b")
    path = f"M{x - 18:g},{y - 78:g} h36 l5,44 h-10 l-4,34 h-18 l-4,-34 h-10 z"
    SubElement(root, "path", {"d": path, "fill": colour})


def _vehicle(root: Element, x: float, colour: str) -> None:
    y = _FLOOR + 14
    path = f"M{x - 64:g},{y - 12:g} v-24 l16,-4 l18,-26 h46 l20,26 l28,6 v22 z"
    SubElement(root, "path", {"d": path, "fill": colour})
    for wheel in (-38, 38):
        _dot(root, x + wheel, y - 10, 14, "#0b0f14")
        _dot(root, x + wheel, y - 10, 6, "#8a97a5")


def _lorry(root: Element, x: float, colour: str) -> None:
    y = _FLOOR + 14
    _box(root, x - 70, y - 92, 92, 80, colour)
    path = f"M{x + 24:g},{y - 12:g} v-58 h24 l20,28 v30 z"
    SubElement(root, "path", {"d": path, "fill": colour})
    for wheel in (-46, -12, 44):
        _dot(root, x + wheel, y - 10, 13, "#0b0f14")


def _cycle(root: Element, x: float, colour: str) -> None:
    y = _FLOOR + 8
    for wheel in (-32, 32):
        SubElement(
            root,
            "circle",
            {"cx": f"{x + wheel:g}", "cy": f"{y - 20:g}", "r": "20", "fill": "none",
             "stroke": "#0b0f14", "stroke-width": "4"},
        )  # fmt: skip
    path = f"M{x - 32:g},{y - 20:g} l22,-30 h28 l14,30 M{x - 10:g},{y - 50:g} l12,30 l16,-30"
    fields = {"d": path, "fill": "none", "stroke": colour, "stroke-width": "5"}
    SubElement(root, "path", fields)


def _animal(root: Element, x: float, colour: str) -> None:
    y = _FLOOR + 8
    path = (
        f"M{x - 34:g},{y:g} v-30 q0,-14 14,-14 h30 l10,-16 l8,6 l12,6 l-4,12 l-14,4 v32 h-7 v-20"
        f" h-30 v20 z"
    )
    SubElement(root, "path", {"d": path, "fill": colour})


def _package(root: Element, x: float, colour: str) -> None:
    y = _FLOOR + 8
    _box(root, x - 26, y - 44, 52, 44, colour)
    _box(root, x - 4, y - 44, 8, 44, "#0b0f14", ".35")


def _door(root: Element, x: float, colour: str) -> None:
    y = _FLOOR
    _box(root, x - 40, y - 128, 80, 128, "#0b0f14")
    path = f"M{x - 40:g},{y - 128:g} l56,14 v128 l-56,-14 z"
    SubElement(root, "path", {"d": path, "fill": colour})
    _dot(root, x + 8, y - 52, 4, "#e8edf2")


def _thing(root: Element, x: float, colour: str) -> None:
    path = f"M{x:g},{_FLOOR - 60:g} l30,34 l-30,34 l-30,-34 z"
    SubElement(root, "path", {"d": path, "fill": colour})


_DRAWN: Mapping[str, Draw] = {
    "person": _person,
    "car": _vehicle,
    "van": _lorry,
    "truck": _lorry,
    "lorry": _lorry,
    "bus": _lorry,
    "forklift": _vehicle,
    "vehicle": _vehicle,
    "motorcycle": _cycle,
    "bicycle": _cycle,
    "dog": _animal,
    "cat": _animal,
    "fox": _animal,
    "package": _package,
    "door": _door,
}


# ---- words --------------------------------------------------------------------------------------


def _camera(event: Event, site: Site) -> str:
    names = {one.camera_id: one.name for one in site.cameras}
    name = names.get(event.camera_id, "")
    return f"{event.camera_id} {name}".strip()


def _zones(event: Event, site: Site) -> str:
    names = {one.zone_id: one.name for one in site.zones}
    return ", ".join(names.get(one) or one for one in event.zones)


def _time(event: Event, site: Site) -> str:
    local: datetime = event.start_time.astimezone(site.zone_info)
    return f"{local:%Y-%m-%d %H:%M:%S}"


def _said(name: str) -> str:
    return name.replace("_", " ").strip() or "event"


def _text(text: str) -> str:
    """As XML can hold it, and not longer than the picture is wide."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
