"""Which sites, cameras and zones a question is about, or what must be asked back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .clarify import MOST_CHOICES, Settled, entity_name, listed, plain_name, reworded
from .index import Index
from .kinds import Word
from .names import CAMERA_WORDS, Entity, Mention
from .question import Question
from .words import word_set

PARTIAL_CERTAINTY = 0.85
MOST_NAMED = 7  # names of a clarification; beyond six it says "others"
_ORDINALS = word_set("first second third fourth fifth sixth seventh eighth ninth tenth last")
_PLACES = ("site", "zone", "area", "location", "building")
_UNION = frozenset({"and", "or", "with", "than", "versus", "vs", "to", "against", ",", "&", "from"})


@dataclass(frozen=True, slots=True)
class Places:
    """Entities in the order in which they were named. Empty means everywhere."""

    cameras: tuple[Entity, ...] = ()
    sites: tuple[Entity, ...] = ()
    zones: tuple[Entity, ...] = ()
    excluded: tuple[Entity, ...] = ()
    certainty: float = 1.0
    assumptions: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether something was named."""
        return bool(self.cameras or self.sites or self.zones or self.excluded)


def find_places(question: Question, index: Index) -> Places:
    """Settle every mention. Unknown words that are part of one name are taken for it, and leave
    `question.unknown`. Raises Settled for a name that is unknown or means several things."""
    _refuse_ordinals(question, index)
    certainty = 1.0
    notes: list[str] = []
    found: list[Entity] = []
    excluded: list[Entity] = []
    named = [one.entities[0] for one in question.mentions if one.entities]
    sites = [one for one in named if one.kind == "site"]
    for mention in question.mentions:
        entities = _narrowed(mention.entities, sites)
        if not entities:
            raise _unknown_camera(question, mention, index)
        if len(entities) > 1 and not _all_meant(question, mention, entities):
            raise _ambiguous(question, mention.positions, entities, index)
        for one in entities:
            target = found
            if 0 <= question.excluded_from < mention.positions[0]:
                target = excluded
            if one not in target:
                target.append(one)
    for word in [*question.place_like, *question.unknown]:
        partial = _narrowed(index.names.partial(word.stem), sites)
        partial = tuple(one for one in partial if one not in sites)
        if not partial:
            continue
        if any(one in found for one in partial):
            _settle(question, word)
            continue
        entity, *others = partial
        if others:
            raise _ambiguous(question, (word.at,), partial, index)
        _settle(question, word)
        found.append(entity)
        certainty = PARTIAL_CERTAINTY
        notes.append(f"read “{word.text}” as {plain_name(entity.name)}")
    _refuse_unknown_cameras(question, index, sites)
    return _combined(question, found, excluded, certainty, notes, index)


def _settle(question: Question, word: Word) -> None:
    """The word is part of a name: it is not unknown any more."""
    if word in question.unknown:
        question.unknown.remove(word)


def _narrowed(entities: Sequence[Entity], sites: Sequence[Entity]) -> tuple[Entity, ...]:
    """Candidates of the sites that the question names, where there are any."""
    wanted = {one.id for one in sites}
    inside = tuple(one for one in entities if one.site in wanted and one.kind != "site")
    return inside or tuple(entities)


def _all_meant(question: Question, mention: Mention, entities: Sequence[Entity]) -> bool:
    """A plural means all of its candidates, and so does a zone that several sites have."""
    if len({(one.kind, one.id) for one in entities}) == 1 and entities[0].kind == "zone":
        return True
    last = max(mention.positions)
    around = [*mention.positions, last + 1]
    texts = [question.texts[at] for at in around if at < len(question.texts)]
    return any(text in ("cameras", "cams") for text in texts)


def _ambiguous(
    question: Question, positions: Sequence[int], entities: Sequence[Entity], index: Index
) -> Settled:
    said = " ".join(question.texts[at] for at in sorted(positions))
    names = [entity_name(one, index) for one in entities[:MOST_NAMED]]
    choices = tuple(
        reworded(question.text, question.tokens, positions, name) for name in names[:MOST_CHOICES]
    )
    return Settled(f"“{said}” can be {listed(names)}. Which one do you mean?", choices)


def _unknown_camera(question: Question, mention: Mention, index: Index) -> Settled:
    digits = "".join(
        question.tokens[at].text for at in mention.positions if question.tokens[at].text.isdigit()
    )
    near = index.names.like_number(digits.lstrip("0") or "0", MOST_CHOICES)
    what = mention.said.split(" ")[0]
    if mention.said.startswith(("camera ", *(f"{place} " for place in _PLACES))):
        notice = f"There is no {mention.said}."
    else:
        notice, what = f"There is no camera {mention.said}.", "camera"
    if what in _PLACES:
        kind = "zone" if what in ("zone", "area") else "site"
        near = [one for one in index.names.entities.values() if one.kind == kind][:MOST_CHOICES]
    names = [entity_name(one, index) for one in near]
    choices = tuple(
        reworded(question.text, question.tokens, mention.positions, name) for name in names
    )
    if names:
        notice += f" Did you mean {listed(names)}?"
    return Settled(notice, choices or ("What cameras do I have?",))


def _refuse_ordinals(question: Question, index: Index) -> None:
    """ "the second school camera": cameras have names here, no order."""
    texts = question.texts
    for at, text in enumerate(texts):
        if text not in _ORDINALS:
            continue
        end = next(
            (n for n in range(at + 1, min(at + 5, len(texts))) if _is_camera(texts[n])), None
        )
        if end is None or text == "last":
            continue
        named = {n for one in question.mentions for n in one.positions}
        if any(n not in named and texts[n] not in ("the", "of", "at") for n in range(at + 1, end)):
            continue
        if any(phrase.start <= at < phrase.end for phrase in question.phrases):
            continue
        sites = {
            one.site for m in question.mentions if at < m.positions[0] <= end for one in m.entities
        }
        cameras = [one for one in index.names.all_cameras() if not sites or one.site in sites]
        names = [entity_name(one, index) for one in cameras[:MOST_NAMED]]
        choices = tuple(
            reworded(question.text, question.tokens, range(at, end + 1), name)
            for name in names[:MOST_CHOICES]
        )
        raise Settled(
            f"Cameras are known by their names here, not by an order: {listed(names)}. "
            "Which one do you mean?",
            choices,
        )


def _is_camera(text: str) -> bool:
    return text in ("camera", "cam", "cameras", "cams")


def _refuse_unknown_cameras(question: Question, index: Index, sites: Sequence[Entity]) -> None:
    """ "the roof camera" where nothing is called so."""
    for word in question.unknown:
        if not _next_to(question, word, CAMERA_WORDS | {"cameras", "cams", "zone", "zones"}):
            continue
        what = "zone" if _next_to(question, word, {"zone", "zones"}) else "camera"
        near = [
            one
            for one in index.names.entities.values()
            if one.kind == what and (not sites or one.site in {site.id for site in sites})
        ]
        near.sort(key=lambda one: (one.site, one.id))
        names = [entity_name(one, index) for one in near[:MOST_NAMED]]
        raise Settled(
            f"No {what} here is called “{word.text}”."
            + (f" There is {listed(names, last='and')}." if names else ""),
            _in_place_of(question, word, what, names) or ("What cameras do I have?",),
        )


def _next_to(question: Question, word: Word, words: Iterable[str]) -> bool:
    wanted = set(words)
    texts = question.texts
    return any(0 <= at < len(texts) and texts[at] in wanted for at in (word.at - 1, word.at + 1))


def _in_place_of(
    question: Question, word: Word, what: str, names: Sequence[str]
) -> tuple[str, ...]:
    beside = (word.at - 1, word.at + 1)
    texts = question.texts
    at = [word.at, *(n for n in beside if 0 <= n < len(texts) and texts[n] == what)]
    return tuple(
        reworded(question.text, question.tokens, at, name) for name in names[:MOST_CHOICES]
    )


def _combined(
    question: Question,
    found: Sequence[Entity],
    excluded: Sequence[Entity],
    certainty: float,
    notes: list[str],
    index: Index,
) -> Places:
    cameras = [one for one in found if one.kind == "camera"]
    sites = [one for one in found if one.kind == "site"]
    zones = [one for one in found if one.kind == "zone"]
    if cameras and sites:
        wanted = {one.id for one in sites}
        outside = [one for one in cameras if one.site not in wanted]
        if not outside:
            repeated = any(len(index.names.cameras.get(one.id, ())) > 1 for one in cameras)
            spare = [one for one in sites if any(camera.site == one.id for camera in cameras)]
            if len(spare) == len(sites):
                sites = sites if repeated else []
            else:
                cameras, sites = _united(cameras, sites, index)
        elif any(text in _UNION for text in question.texts):
            cameras, sites = _united(cameras, sites, index)
        else:
            camera, site = outside[0], sites[0]
            own = plain_name(index.site_name(camera.site))
            raise Settled(
                f"{plain_name(camera.name)} is at {own}, not at {plain_name(site.name)}.",
                _without(question, camera, site, index),
            )
    return Places(
        tuple(cameras), tuple(sites), tuple(zones), tuple(excluded), certainty, tuple(notes)
    )


def _united(
    cameras: Sequence[Entity], sites: Sequence[Entity], index: Index
) -> tuple[list[Entity], list[Entity]]:
    wanted = {one.id for one in sites}
    every = [one for one in index.names.all_cameras() if one.site in wanted]
    return list(dict.fromkeys([*cameras, *every])), []


def _without(question: Question, camera: Entity, site: Entity, index: Index) -> tuple[str, ...]:
    """The question about the camera alone, and about the site alone."""
    found: list[str] = []
    spots = {m.entities[0]: m.positions for m in question.mentions if len(m.entities) == 1}
    for drop, keep in ((site, camera), (camera, site)):
        if drop not in spots or keep not in spots:
            continue
        at = [*spots[drop], *spots[keep]]
        found.append(reworded(question.text, question.tokens, at, entity_name(keep, index)))
    return tuple(found)
