"""What a question is matched against, built once for each version of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, DayParts, Site
from enhanced_prompt_service.domain.events import SeenKind
from enhanced_prompt_service.domain.times import RecurringMask

from .english import English, english
from .intents import INTENT_WORDS
from .kinds import KindIndex
from .names import NameIndex
from .timegrammar.lexicon import TIME_WORDS
from .words import stem

ALIKE = 80  # least likeness, of 100, of words that are two slips apart
MOST_CORRECTIONS = 24  # unknown words of one question that are compared with the vocabulary


@dataclass(frozen=True, slots=True)
class Habits:
    """Time zone and daily habits of the sites that a question is about."""

    zone: str
    day_parts: DayParts
    business_hours: RecurringMask | None


class Index:
    """Names, kinds and habits of one tenant, at one version of its catalogue."""

    def __init__(
        self,
        catalogue: Catalogue,
        seen: Iterable[SeenKind],
        default_zone: str,
        language: English | None = None,
    ) -> None:
        kinds = list(seen)
        self.version = catalogue.version
        self.catalogue = catalogue
        self.language = language or english()
        self.default_zone = default_zone
        self.names = NameIndex(catalogue)
        self.kinds = KindIndex(catalogue, kinds, self.language)
        self.earliest: datetime | None = min((one.first_start for one in kinds), default=None)
        self.name_words = frozenset(self.names.surfaces())
        self._known = (
            self.language.surfaces
            | self.language.particles
            | self.language.commands
            | self.language.topics
            | self.name_words
            | TIME_WORDS
            | INTENT_WORDS
        )
        self._vocabulary = sorted(
            {*self.name_words, *self.kinds.vocabulary(), *INTENT_WORDS} - {"", "them"}
        )
        self._corrections: dict[str, str] = {}

    # ---- words ----------------------------------------------------------------------------------

    def correct(self, word: str) -> str:
        """The word that was probably meant; itself where it is known or nothing is near.

        One slip for words of five to seven letters, two for longer ones, never in the first
        letter.
        """
        if len(word) < 5 or len(word) > 24 or word in self._known:
            return word
        one = stem(word)
        if self.kinds.knows(one) or one in self.names.vocabulary:
            return word
        found = self._corrections.get(word)
        if found is None:
            found = self._nearest(word)
            if len(self._corrections) < 4096:
                self._corrections[word] = found
        return found

    def _nearest(self, word: str) -> str:
        allowed = 1 if len(word) < 8 else 2
        options = process.extract(
            word, self._vocabulary, scorer=OSA.distance, score_cutoff=allowed, limit=5
        )
        near = [
            (distance, choice)
            for choice, distance, _ in options
            if choice[0] == word[0] and (distance < 2 or fuzz.ratio(word, choice) >= ALIKE)
        ]
        return min(near)[1] if near else word

    def plain(self, word: str) -> bool:
        """Whether a word is plain English, whatever else it may be."""
        return word in self.language.function or word in self.language.generic

    def known(self, word: str) -> bool:
        """Whether a word is plain English, a name or a kind here."""
        one = stem(word)
        return word in self._known or self.kinds.knows(one) or one in self.names.vocabulary

    # ---- sites and cameras ----------------------------------------------------------------------

    def camera(self, camera_id: str, site: str = "") -> tuple[Site, Camera] | None:
        """A camera of the catalogue; without a site the first one of that id."""
        options = self.names.cameras.get(camera_id, [])
        for found in options:
            if not site or found[0].site_id == site:
                return found
        return None

    def camera_name(self, camera_id: str, site: str = "") -> str:
        """What people call a camera."""
        found = self.camera(camera_id, site)
        return found[1].name or camera_id if found is not None else camera_id

    def site_name(self, site_id: str) -> str:
        """What people call a site."""
        site = self.names.sites.get(site_id)
        return site.name or site_id if site is not None else site_id

    def zone_name(self, zone_id: str) -> str:
        """What people call a zone."""
        for site in self.catalogue.sites:
            for zone in site.zones:
                if zone.zone_id == zone_id:
                    return zone.name or zone_id
        return zone_id

    def cameras_of(self, sites: Iterable[str] | None) -> dict[str, str]:
        """Camera id to its site, for some sites or all of them (an id twice: the first site)."""
        wanted = None if sites is None else set(sites)
        return {
            camera_id: site.site_id
            for camera_id, options in self.names.cameras.items()
            for site, _ in options
            if wanted is None or site.site_id in wanted
        }

    def habits(
        self, cameras: frozenset[str] | None, sites: frozenset[str] | None, zones: Iterable[str]
    ) -> Habits:
        """Zone, day parts and business hours that hold for all that is asked about.

        Where they differ: the tenant's zone, the usual day parts, no business hours.
        """
        asked = self._sites_of(cameras, sites, frozenset(zones))
        found = [self.names.sites[one] for one in sorted(asked) if one in self.names.sites]
        names = {site.time_zone for site in found}
        parts = {site.day_parts for site in found}
        hours = {site.business_hours for site in found}
        return Habits(
            names.pop() if len(names) == 1 else self.default_zone,
            parts.pop() if len(parts) == 1 else DayParts(),
            hours.pop() if len(hours) == 1 else None,
        )

    def _sites_of(
        self, cameras: frozenset[str] | None, sites: frozenset[str] | None, zones: frozenset[str]
    ) -> set[str]:
        asked = set(sites) if sites else set(self.names.sites)
        if cameras:
            of_cameras = {
                site.site_id
                for camera_id in cameras
                for site, _ in self.names.cameras.get(camera_id, ())
            }
            asked = asked & of_cameras or asked
        elif zones:
            of_zones = {
                site.site_id
                for site in self.catalogue.sites
                if any(zone.zone_id in zones for zone in site.zones)
            }
            asked = asked & of_zones or asked
        return asked

    def site_zones(
        self, cameras: frozenset[str] | None, sites: frozenset[str] | None
    ) -> dict[str, ZoneInfo]:
        """Site id to time zone, for what is asked about."""
        return {
            one: self.names.sites[one].zone_info
            for one in self._sites_of(cameras, sites, frozenset())
            if one in self.names.sites
        }
