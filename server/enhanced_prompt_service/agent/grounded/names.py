"""Names of sites, cameras and zones in a question, matched against the catalogue.

Every name, alias and id is cut into stems and stored under its rarest one, so that a question
looks only at the few names that its own words can be part of, however large the catalogue. Word
order is free, "camera" may be left out or added, numbers must be exact.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, Site

from .timegrammar.lexicon import numbered
from .words import Kind, Token, name_words, stem, word_set

CAMERA_WORDS = frozenset({"camera", "cam", "cctv"})
PLACE_WORDS = frozenset(
    stem(word)
    for word in word_set(
        """building station campus site area office complex premises facility grounds house center
        centre camera cameras cam cams cctv zone"""
    )
)
_NUMBER_MARKS = frozenset({"#", "no", "nr", "number", ".", "-", "num"})
_SMALL = {
    word: str(number)
    for word, number in numbered(
        "one two three four five six seven eight nine ten eleven twelve", 1
    ).items()
}
_LINKS = frozenset({"the", "of", "at", "in", "on", "a", "s", "-", "'", "by"})
_NUMBERED_PLACES = frozenset(stem(w) for w in ("site", "zone", "area", "location", "building"))
_BEFORE_NAMES = word_set(
    "the at in on near by inside outside from to around through into past only and camera cam "
    "zone , or with than of behind beside"
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A site, camera or zone. A camera or zone belongs to a site."""

    kind: str  # "site", "camera", "zone"
    id: str
    site: str
    name: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to say a name."""

    stems: tuple[str, ...]
    entity: Entity


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in the question that names something: token indices, and the candidates.

    More than one candidate is an ambiguity; none is a name that is not in the catalogue.
    """

    positions: tuple[int, ...]
    entities: tuple[Entity, ...]
    certainty: float = 1.0
    said: str = ""
    partial: bool = False


class NameIndex:
    """All names of a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.sites: dict[str, Site] = {site.site_id: site for site in catalogue.sites}
        self.cameras: dict[str, list[tuple[Site, Camera]]] = defaultdict(list)
        self.entities: dict[tuple[str, str, str], Entity] = {}
        self._variants: list[Variant] = []
        self._numbers: dict[str, list[Entity]] = defaultdict(list)
        self.prefixes: set[str] = set()
        for site in catalogue.sites:
            self._add_site(site)
        self._alike = Counter((one.kind, one.name) for one in self.entities.values())
        counts = Counter(one for variant in self._variants for one in set(variant.stems))
        self.vocabulary = frozenset(counts)
        self._by_key: dict[str, list[Variant]] = defaultdict(list)
        self._by_stem: dict[str, list[Variant]] = defaultdict(list)
        for variant in self._variants:
            key = min(variant.stems, key=lambda one: (counts[one], one))
            self._by_key[key].append(variant)
            for one in set(variant.stems):
                if len(self._by_stem[one]) < 200:
                    self._by_stem[one].append(variant)

    def _add_site(self, site: Site) -> None:
        entity = Entity("site", site.site_id, site.site_id, site.name or site.site_id)
        self.entities["site", site.site_id, site.site_id] = entity
        plain = re.sub(r"\(.*?\)", " ", site.name)
        own = {name_words(one) for one in (site.site_id, site.name, plain, *site.aliases) if one}
        for words in own:
            self._add(entity, words)
        for camera in site.cameras:
            self._add_camera(site, camera, own)
        for zone in site.zones:
            found = Entity("zone", zone.zone_id, site.site_id, zone.name or zone.zone_id)
            self.entities["zone", site.site_id, zone.zone_id] = found
            for one in (zone.zone_id, zone.name, *zone.aliases):
                self._add(found, name_words(one))

    def _add_camera(self, site: Site, camera: Camera, site_names: set[tuple[str, ...]]) -> None:
        entity = Entity("camera", camera.camera_id, site.site_id, camera.name or camera.camera_id)
        self.entities["camera", site.site_id, camera.camera_id] = entity
        self.cameras[camera.camera_id].append((site, camera))
        id_words = name_words(camera.camera_id)
        if id_words and id_words[-1].isdigit():
            self._number(id_words[-1], entity)
            self.prefixes.update(id_words[:-1])
        for one in (camera.camera_id, camera.name, *camera.aliases):
            words = name_words(one)
            self._add(entity, words)
            bare = tuple(word for word in words if word not in CAMERA_WORDS)
            if len(bare) == 1 and bare[0].isdigit():
                self._number(bare[0], entity)
            for own in site_names:
                if len(bare) > len(own) > 0 and bare[: len(own)] == own:
                    rest = bare[len(own) :]
                    if any(not word.isdigit() for word in rest):
                        self._add(entity, rest)

    def _number(self, number: str, entity: Entity) -> None:
        if entity not in self._numbers[number]:
            self._numbers[number].append(entity)

    def _add(self, entity: Entity, words: tuple[str, ...]) -> None:
        while words and words[0] in ("the", "a"):
            words = words[1:]
        bare = tuple(word for word in words if word not in CAMERA_WORDS)
        if not bare or all(word.isdigit() for word in bare):
            return
        variant = Variant(bare, entity)
        if variant not in self._variants[-30:]:
            self._variants.append(variant)

    # ---- matching --------------------------------------------------------------------------------

    def mentions(self, tokens: Sequence[Token], stems: Sequence[str]) -> list[Mention]:
        """Names in a question, in order; `stems` are those of its (corrected) tokens."""
        found = self._numbered(tokens, stems)
        taken = {at for one in found for at in one.positions}
        exact = self._exact(stems, taken)
        found += exact
        taken |= {at for one in exact for at in one.positions}
        found += self._unknown_ids(tokens, stems, taken)
        found += self._unknown_places(tokens, stems, taken)
        return sorted(found, key=lambda one: one.positions[0])

    def _numbered(self, tokens: Sequence[Token], stems: Sequence[str]) -> list[Mention]:
        """ "camera 3", "cams #3 and 4", "camera three"."""
        found: list[Mention] = []
        at = 0
        while at < len(stems):
            if stems[at] not in CAMERA_WORDS:
                at += 1
                continue
            start, at = at, at + 1
            while at < len(stems) and stems[at] in _NUMBER_MARKS:
                at += 1
            first = True
            while at < len(stems):
                number = _number_at(tokens, stems, at)
                if number is None or (not first and number not in self._numbers):
                    break
                positions = (*range(start, at), at) if first else (at,)
                entities = tuple(self._numbers.get(number, ()))
                found.append(Mention(positions, entities, said=f"camera {number}"))
                first = False
                at += 1
                step = at
                while step < len(stems) and stems[step] in ("and", ",", "or", "&", "with", "vs"):
                    step += 1
                if step == at:
                    break
                at = step
        return found

    def _exact(self, stems: Sequence[str], taken: set[int]) -> list[Mention]:
        """Whole names, most words first; a name's words may stand in any order."""
        hits: dict[tuple[int, ...], list[tuple[bool, Entity]]] = defaultdict(list)
        for at, one in enumerate(stems):
            for variant in self._by_key.get(one, ()):
                positions = _locate(variant.stems, stems, at)
                if positions is not None and taken.isdisjoint(positions):
                    ordered = list(positions) == sorted(positions)
                    if len(positions) == 1 and not self._as_name(stems, positions[0], variant):
                        continue
                    hits[tuple(sorted(positions))].append((ordered, variant.entity))
        found: list[Mention] = []
        used: set[int] = set()
        for positions, options in sorted(
            hits.items(), key=lambda item: (-len(item[0]), not item[1][0][0], item[0])
        ):
            if not used.isdisjoint(positions):
                continue
            used.update(positions)
            best = [entity for ordered, entity in options if ordered] or [e for _, e in options]
            entities = tuple(dict.fromkeys(best))
            found.append(Mention(positions, self._settled(entities, stems, positions)))
        return found

    def _as_name(self, stems: Sequence[str], at: int, variant: Variant) -> bool:
        """A single word that may as well be a verb is a name only where a name can stand."""
        word = variant.stems[0]
        if len(word) > 2 and word not in _VERB_LIKE:
            return True
        before = stems[at - 1] if at else ""
        return before in _BEFORE_NAMES

    def _settled(
        self, entities: tuple[Entity, ...], stems: Sequence[str], positions: Sequence[int]
    ) -> tuple[Entity, ...]:
        """Candidates of one kind: what stands beside the name says which."""
        around = {stems[at] for at in (positions[0] - 1, positions[-1] + 1) if 0 <= at < len(stems)}
        for kind, signs in (("camera", CAMERA_WORDS), ("zone", {"zon", "zone", "area"})):
            if not signs.isdisjoint(around):
                of_kind = tuple(one for one in entities if one.kind == kind)
                if of_kind:
                    return of_kind
        for kind in ("camera", "site", "zone"):
            of_kind = tuple(one for one in entities if one.kind == kind)
            if of_kind:
                return of_kind
        return entities

    def _unknown_ids(
        self, tokens: Sequence[Token], stems: Sequence[str], taken: set[int]
    ) -> list[Mention]:
        """What looks like a camera's id here ("G555") and is none."""
        found: list[Mention] = []
        for at, token in enumerate(tokens):
            if token.kind is not Kind.NUMBER or at in taken or not token.glued:
                continue
            before = at - 2 if at >= 2 and stems[at - 1] == "-" else at - 1
            if before < 0 or before in taken or (not tokens[at - 1].glued and before != at - 1):
                continue
            if stems[before] in self.prefixes and stems[before] not in CAMERA_WORDS:
                said = "".join(one.text for one in tokens[before : at + 1]).upper()
                found.append(Mention(tuple(range(before, at + 1)), (), said=said))
        return found

    def _unknown_places(
        self, tokens: Sequence[Token], stems: Sequence[str], taken: set[int]
    ) -> list[Mention]:
        """ "site 9", "zone 4" where nothing is called so."""
        found: list[Mention] = []
        for at in range(len(stems) - 1):
            if stems[at] not in _NUMBERED_PLACES or at in taken or at + 1 in taken:
                continue
            if tokens[at + 1].kind is Kind.NUMBER and _number_at(tokens, stems, at + 1) is not None:
                said = f"{tokens[at].text} {tokens[at + 1].text}"
                found.append(Mention((at, at + 1), (), said=said))
        return found

    def partial(self, word: str) -> tuple[Entity, ...]:
        """Entities that have a word in one of their names."""
        return tuple(dict.fromkeys(variant.entity for variant in self._by_stem.get(word, ())))

    def like_number(self, digits: str, most: int = 4) -> list[Entity]:
        """Cameras whose number begins so, or holds it: what an unknown one may have meant."""
        ranked: list[tuple[int, str, Entity]] = []
        for number, entities in self._numbers.items():
            if number.startswith(digits):
                rank = 0
            elif digits in number:
                rank = 1
            elif number[:1] == digits[:1]:
                rank = 2
            else:
                rank = 3
            ranked += [(rank, number.zfill(9), one) for one in entities]
        ranked.sort(key=lambda item: (item[0], item[1], item[2].id))
        return [one for _, _, one in ranked[:most]]

    def how_many(self, entity: Entity) -> int:
        """Entities of the same kind and name."""
        return self._alike[entity.kind, entity.name]

    def all_cameras(self) -> list[Entity]:
        """Every camera, by site and id."""
        return sorted(
            (one for one in self.entities.values() if one.kind == "camera"),
            key=lambda one: (one.site, one.id),
        )

    def surfaces(self) -> Iterable[str]:
        """Words of all names as they are written: what typos are compared with."""
        for site in self.sites.values():
            texts = [site.site_id, site.name, *site.aliases]
            for camera in site.cameras:
                texts += [camera.name, *camera.aliases]
            for zone in site.zones:
                texts += [zone.zone_id, zone.name, *zone.aliases]
            for text in texts:
                yield from re.findall(r"[^\W\d_]{4,}", text.casefold())


_VERB_LIKE = frozenset(
    stem(word)
    for word in word_set("exit enter entrance stop start left right open close park load")
)


def _number_at(tokens: Sequence[Token], stems: Sequence[str], at: int) -> str | None:
    if tokens[at].kind is Kind.NUMBER:
        following = stems[at + 1] if at + 1 < len(stems) else ""
        clock = following in (":", "am", "pm") and tokens[at + 1].glued
        return None if clock else str(tokens[at].number)
    return _SMALL.get(tokens[at].text)


def _locate(words: tuple[str, ...], stems: Sequence[str], at: int) -> tuple[int, ...] | None:
    """Positions of all words of a name around `at`, in the name's order; links may stand between.

    Tried in order first, then in any order.
    """
    size = len(words)
    if size == 1:
        return (at,)
    key = words.index(stems[at])
    positions = [at]
    here = at
    for word in words[key + 1 :]:
        here = _next(stems, here, 1)
        if here < 0 or stems[here] != word:
            break
        positions.append(here)
    else:
        here = at
        for word in reversed(words[:key]):
            here = _next(stems, here, -1)
            if here < 0 or stems[here] != word:
                break
            positions.insert(0, here)
        else:
            return tuple(positions)
    return _anywhere(words, stems, at)


def _next(stems: Sequence[str], at: int, step: int) -> int:
    """The next position that is no hyphen; -1 beyond the end."""
    at += step
    while 0 <= at < len(stems) and stems[at] in ("-", "'", ".", "#"):
        at += step
    return at if 0 <= at < len(stems) else -1


def _anywhere(words: tuple[str, ...], stems: Sequence[str], at: int) -> tuple[int, ...] | None:
    """All words close around `at`, with nothing but links and camera words between them."""
    reach = len(words) + 3
    low, high = max(0, at - reach), min(len(stems), at + reach + 1)
    places: list[int] = []
    for word in words:
        options = [n for n in range(low, high) if stems[n] == word and n not in places]
        if not options:
            return None
        places.append(min(options, key=lambda n: abs(n - at)))
    inside = range(min(places), max(places) + 1)
    if any(
        n not in places and stems[n] not in _LINKS and stems[n] not in CAMERA_WORDS for n in inside
    ):
        return None
    numbers = [n for n in places if stems[n].isdigit()]
    if numbers and len(words) == 2:  # "3 gate" is not "gate 3"
        other = next(n for n in places if n not in numbers) if len(numbers) < 2 else numbers[0]
        if numbers[0] < other:
            return None
    return tuple(places)
