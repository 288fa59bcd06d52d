"""All cameras of one site, slot by slot; what many cameras say at once is said once.

When two cameras of a site have told of the same (a silence, an outage, a spike) within two hours,
further ones join into one insight of the site in place of one each: a holiday, a power cut or a
fire drill is three insights and not three hundred.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..domain.catalogue import Site
from ..domain.insights import InsightDraft
from .camera import Camera
from .slots import CameraSlot, Grid
from .words import Named, Passed, Say, Word, spell_window

ALONE = 2
TOGETHER_HOURS = 2
MOST_CAMERAS = 50
_TOGETHER = frozenset(
    {"activity_spike", "activity_drop", "silence", "offline", "confidence", "new_label", "flapping"}
)
_ONCE = frozenset({"new_label"})  # these never say that they have passed


@dataclass(slots=True)
class _Open:
    """Something that goes on at a camera: since which slot, and whether the site tells it."""

    since: int
    joined: bool


class SiteWatch:
    """The detectors of one site. Slots are closed in order; one that was closed is ignored."""

    def __init__(self, site_id: str, grid: Grid, names: Mapping[str, str] | None = None) -> None:
        self.site_id = site_id
        self.grid = grid
        self.cameras: dict[str, Camera] = {}
        self.slot: int | None = None
        self.changed: set[str] = set()  # cameras whose state is newer than what was dumped
        self._names = dict(names or {})
        self._open: dict[str, dict[str, _Open]] = {}  # detector → dedupe_key of a camera

    def rename(self, site: Site) -> None:
        """Take the names that a catalogue has for the cameras."""
        self._names = {one.camera_id: one.name for one in site.cameras if one.name}

    def close(self, slot: int, seen: Mapping[str, CameraSlot]) -> list[Word]:
        """Close a slot with what is known of each camera; what there is to say.

        Cameras that are not named saw nothing and reported nothing.
        """
        if self.slot is not None and slot <= self.slot:
            return []
        self.slot = slot
        for camera_id in seen:
            if camera_id not in self.cameras:
                self.cameras[camera_id] = Camera(self.grid.per_day)
        words: list[Word] = []
        for camera_id, camera in self.cameras.items():
            one = seen.get(camera_id)
            if one is None:
                one = CameraSlot(0.0 if camera.reports else None)
            words += camera.step(self.named(camera_id), self.grid, slot, one)
            self.changed.add(camera_id)
        return self._together(slot, words)

    def named(self, camera_id: str) -> Named:
        """A camera with its name."""
        return Named(self.site_id, camera_id, self._names.get(camera_id, ""))

    def why_silent(self) -> dict[str, dict[str, str]]:
        """Camera, detector, reason; "" where it would speak if it had to."""
        return {name: camera.why_silent(self.grid) for name, camera in self.cameras.items()}

    # ---- many at once ---------------------------------------------------------------------------

    def _together(self, slot: int, words: list[Word]) -> list[Word]:
        told: list[Word] = []
        joined: dict[str, list[InsightDraft]] = {}
        for word in words:
            if isinstance(word, Passed):
                told += self._passed(word)
                continue
            key = word.draft.dedupe_key
            detector = key.split(":", 1)[0]
            if detector not in _TOGETHER:
                told.append(word)
                continue
            going = self._going(detector, slot)
            one = going.get(key)
            if one is None:
                one = going[key] = _Open(slot, self._crowded(detector, slot))
            if one.joined:
                joined.setdefault(detector, []).append(word.draft)
            else:
                told.append(word)
        told += (Say(self._group(detector, drafts)) for detector, drafts in joined.items())
        return told

    def _going(self, detector: str, slot: int) -> dict[str, _Open]:
        going = self._open.setdefault(detector, {})
        if detector in _ONCE:
            for key in [key for key, one in going.items() if one.since < slot - self.grid.per_day]:
                del going[key]
        return going

    def _crowded(self, detector: str, slot: int) -> bool:
        near = slot - TOGETHER_HOURS * 60 // self.grid.minutes
        recent = sum(one.since >= near for one in self._open[detector].values())
        return recent >= ALONE

    def _passed(self, word: Passed) -> list[Word]:
        detector = word.dedupe_key.split(":", 1)[0]
        one = self._open.get(detector, {}).pop(word.dedupe_key, None)
        if one is None or not one.joined:
            return [word]
        others = any(other.joined for other in self._open[detector].values())
        return [] if others else [Passed(self._group_key(detector), word.at)]

    def _group_key(self, detector: str) -> str:
        return f"{detector}:{self.site_id}"[:256]

    def _group(self, detector: str, members: list[InsightDraft]) -> InsightDraft:
        """What those that joined say now; the store keeps what they said before."""
        worst = max(members, key=lambda one: (one.severity, one.score))
        cameras = tuple(dict.fromkeys(name for one in members for name in one.cameras))
        start = min(one.window.start for one in members)
        end = max(one.window.end for one in members)
        window = replace(worst.window, start=start, end=end)
        spoken = [self.named(one).spoken for one in cameras]
        listed = ", ".join(spoken[:10]) + (f" and {len(spoken) - 10} more" if spoken[10:] else "")
        return replace(
            worst,
            title=f"{len(cameras)} further cameras at once: {worst.title}"
            if len(cameras) > 1
            else worst.title,
            message=(
                f"The same is seen at {listed}, beside the first cameras that told of it. "
                f"At the most affected: {worst.message}"
            ),
            window=window,
            dedupe_key=self._group_key(detector),
            cameras=cameras[:MOST_CAMERAS],
            observed=None,
            expected=None,
            interval=None,
            unit="",
            event_count=sum(one.event_count for one in members),
            analysis_period=spell_window(window, self.grid),
            baseline=(),
            metadata={"detector": detector, "cameras": len(cameras)},
        )

    # ---- state ----------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """What is not of a single camera: the position and what goes on."""
        return json.dumps(
            {
                "slot": self.slot,
                "minutes": self.grid.minutes,
                "open": {
                    detector: {key: [one.since, one.joined] for key, one in going.items()}
                    for detector, going in self._open.items()
                },
            },
            separators=(",", ":"),
        ).encode()

    def restore(self, state: bytes) -> bool:
        """From `dump`; False for a state of another slot length, which is ignored."""
        found = json.loads(state)
        if found["minutes"] != self.grid.minutes:
            return False
        self.slot = found["slot"]
        self._open = {
            detector: {key: _Open(int(since), bool(joined)) for key, (since, joined) in one.items()}
            for detector, one in found["open"].items()
        }
        return True
