"""Nouns and verbs of a question, matched against the kinds of events that really occur.

A kind is an event type with its label. Words become terms: nouns (the groups "people" and
"vehicles", labels, what a type's name begins with), actions (further parts of type names) and
particles that only tell two kinds apart. Chosen are the kinds that cover most of what was said and
have least that was not: "doors opened" is the facility door's type, since a vehicle's door would
have been called so. A word that fits nothing stays unknown and is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from enhanced_prompt_service.domain.catalogue import Catalogue
from enhanced_prompt_service.domain.events import SeenKind

from .choosing import by_type, grouped, least_unsaid, most, one_thing
from .english import English, Stems, Synonym
from .terms import Kind, Pair, Term, Terms, Word, kind_of, spoken
from .timegrammar.lexicon import NUMBERS
from .words import name_words


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen. `pairs` None: nothing narrows. `texts` are to be searched for."""

    pairs: frozenset[Pair] | None
    subject: str = ""
    groups: tuple[tuple[str, frozenset[Pair]], ...] = ()
    texts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what was read over; or, with no pairs, why none can be meant


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Kinds as a Selection takes them."""

    event_types: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    type_or_label: bool = False


class KindIndex:
    """The kinds that occur, with what the sites call them."""

    def __init__(self, catalogue: Catalogue, seen: Iterable[SeenKind], language: English) -> None:
        self._language = language
        self._catalogue = catalogue
        self.kinds: dict[Pair, Kind] = {}
        self.sub_labels: dict[Stems, str] = {}
        self.types_by_camera: dict[str, set[str]] = {}
        for one in seen:
            pair = (one.event_type, one.label)
            if pair not in self.kinds:
                self.kinds[pair] = kind_of(pair, language)
            if one.sub_label:
                self.sub_labels.setdefault(name_words(one.sub_label), one.sub_label)
            self.types_by_camera.setdefault(one.camera_id, set()).add(one.event_type)
        self.types = tuple(sorted({pair[0] for pair in self.kinds}))
        self.labels = tuple(sorted({pair[1] for pair in self.kinds if pair[1]}))
        everything = self.kinds.values()
        self.firsts = {kind.first for kind in everything}
        self.label_stems = {one for kind in everything for one in kind.label}
        self.parts = {one for kind in everything for one in kind.parts}
        self._subjects = {one: group for group in language.subjects for one in group.stems}
        self._site_words = self._of_sites(catalogue)
        self._moving = {
            one
            for synonym in language.synonyms.values()
            if synonym.moves
            for m in synonym.means
            for one in m
        }
        self._said = {one for key in (*language.synonyms, *self._site_words) for one in key}
        self._longest = max(
            (len(key) for key in (*language.synonyms, *self._site_words, *self.sub_labels)),
            default=1,
        )

    def _of_sites(self, catalogue: Catalogue) -> dict[Stems, tuple[str, ...]]:
        found: dict[Stems, tuple[str, ...]] = {}
        for site in catalogue.sites:
            for noun, targets in site.synonyms:
                key = name_words(noun)
                found[key] = (*found.get(key, ()), *targets)
        return found

    def vocabulary(self) -> set[str]:
        """Words that mean a kind, as they may be typed: what typos are compared with.

        As the kinds and the sites' owners spell them, with the commonest nouns: forms that are
        made up from stems would be near to too many plain words.
        """
        words = {part for one in self.types for part in one.lower().split("_")}
        words |= {part for one in self.labels for part in one.lower().split("_")}
        for site in self._catalogue.sites:
            for noun, _ in site.synonyms:
                words |= set(noun.lower().split())
        words |= {word + "s" for word in words if not word.endswith("s")}
        return {word for word in words | self._language.spelt if len(word) >= 4}

    def knows(self, word: str) -> bool:
        """Whether a stem is part of what occurs, or a word for it."""
        return (
            word in self.parts
            or word in self.label_stems
            or word in self._subjects
            or (word,) in self._language.synonyms
            or (word,) in self._site_words
            or (word,) in self.sub_labels
            or word in self._said
        )

    # ---- from words to terms --------------------------------------------------------------------

    def terms(self, words: Sequence[Word], joins: frozenset[int] = frozenset()) -> Terms:
        """Sort the words of a question into terms."""
        found = Terms(joins=joins)
        at = 0
        while at < len(words):
            at += self._phrase(words, at, found) or self._single(words, at, found)
        return found

    def _phrase(self, words: Sequence[Word], at: int, found: Terms) -> int:
        """A phrase of several words that means something; how many words it took."""
        longest = min(self._longest, len(words) - at)
        for size in range(longest, 0, -1):
            run = words[at : at + size]
            if run[-1].at - run[0].at > size:  # other things stand in between
                continue
            key = tuple(one.stem for one in run)
            optional = all(one.named for one in run)
            if key in self._site_words:
                self._add_site_word(run, self._site_words[key], found, optional)
            elif size > 1 and key in self._language.synonyms:
                if not self._add_synonym(run, self._language.synonyms[key], found, optional):
                    continue
            elif key in self.sub_labels and not optional and run[0].stem not in self.parts:
                found.texts.append(self.sub_labels[key])
            else:
                continue
            found.used.update(one.at for one in run)
            return size
        return 0

    def _single(self, words: Sequence[Word], at: int, found: Terms) -> int:
        word = words[at]
        language = self._language
        if word.stem in self._subjects:
            found.nouns.append(
                Term(
                    word.text,
                    subject=self._subjects[word.stem],
                    optional=word.named,
                    at=word.at,
                )
            )
        elif word.text in language.particles:
            found.particles.append(Term(word.text, ((word.stem,),)))
            exits = language.synonyms.get((word.text,))
            if exits is not None:  # "left" is a direction, or it is a way of leaving
                means = (*exits.means, (word.stem,))
                found.either.append(Term(word.text, means, at=word.at, moves=exits.moves))
        elif (
            (word.text in language.function and not self._soft(word, found))
            or word.text in NUMBERS
            or self._direct(word, found)
            or word.text in language.generic
            or (
                (word.stem,) in language.synonyms
                and self._add_synonym([word], language.synonyms[(word.stem,)], found, word.named)
            )
        ):
            pass
        elif not word.named and not word.text.endswith("ly") and not word.text.isdigit():
            found.unknown.append(word)
            return 1
        found.used.add(word.at)
        return 1

    def _soft(self, word: Word, found: Terms) -> bool:
        """Plain English that is a part of a kind's name as well: counts only beside its noun."""
        if word.stem in self.parts and word.stem not in self._language.silent:
            found.soft.append(Term(word.text, ((word.stem,),)))
        return False

    def _direct(self, word: Word, found: Terms) -> bool:
        """A word that is itself part of a kind's name, or a label."""
        key = word.stem
        if key in self.label_stems or (key in self.firsts and key not in self._language.silent):
            if word.text not in self._language.generic:
                found.nouns.append(Term(word.text, ((key,),), optional=word.named, at=word.at))
            return True
        if key in self.parts and (key not in self._language.silent or key == "facility"):
            if word.named:
                found.particles.append(Term(word.text, ((key,),)))
                return True
            means: tuple[Stems, ...] = ((key,),)
            more = self._language.synonyms.get((key,))
            if more is not None and more.also:
                means += tuple(m for m in more.means if self._occurs(m) and m not in means)
            term = Term(word.text, means, at=word.at, moves=key in self._moving)
            language = self._language
            soft = word.text in language.generic and word.text not in language.weak
            (found.soft if soft else found.actions).append(term)
            return True
        return False

    def _occurs(self, stems: Stems) -> bool:
        return any(kind.has(stems) for kind in self.kinds.values())

    def _add_synonym(
        self, run: Sequence[Word], synonym: Synonym, found: Terms, optional: bool
    ) -> bool:
        said = " ".join(one.text for one in run)
        means = tuple(stems for stems in synonym.means if self._occurs(stems))
        if not means:
            return False
        group = self._subjects.get(means[0][0]) if len(means[0]) == 1 else None
        if group is not None and means[0][0] in group.starts:
            found.nouns.append(Term(said, means, group, optional, run[0].at))
        elif all(
            len(stems) == 1 and (stems[0] in self.firsts or stems[0] in self.label_stems)
            for stems in means
        ):
            found.nouns.append(Term(said, means, optional=optional, at=run[0].at))
        elif optional:
            found.particles.append(Term(said, means))
        elif len(run) == 1 and run[0].text in self._language.generic:
            found.soft.append(Term(said, means))
        else:
            found.actions.append(Term(said, means, at=run[0].at, moves=synonym.moves))
        if synonym.assume and not optional:
            target = " ".join(means[0]) if group is None else group.plural
            note = f"read “{said}” as {target}: events here do not tell them apart"
            found.assumptions.append(note)
        return True

    def _add_site_word(
        self, run: Sequence[Word], targets: Sequence[str], found: Terms, optional: bool
    ) -> None:
        """A word that the site's owner explained: types, labels, sub-labels, parts of names."""
        said = " ".join(one.text for one in run)
        means: list[Stems] = []
        for target in targets:
            stems = name_words(target)
            if stems in self.sub_labels and not self._occurs(stems):
                found.texts.append(self.sub_labels[stems])
            elif stems:
                means.append(stems)
        group = self._subjects.get(run[0].stem) if len(run) == 1 else None
        if group is not None and group.stem != run[0].stem:
            group = None  # "visitors" are what the site says, not people at large
        if means:
            found.nouns.append(Term(said, tuple(means), group, optional, run[0].at))

    # ---- from terms to kinds --------------------------------------------------------------------

    def choose(self, terms: Terms) -> Chosen:
        """The kinds that fit best; see the module's docstring."""
        nouns = [one for one in terms.nouns if not one.optional]
        actions = list(terms.actions)
        kinds = list(self.kinds.values())
        for one in terms.either:
            direction = one.means[-1]
            if not any(k.has(direction) and any(t.covered(k) for t in actions) for k in kinds):
                actions.append(one)
        if not actions and terms.soft:
            actions = [
                term
                for term in terms.soft
                if any(
                    term.covered(kind) and all(noun.strictly(kind) for noun in nouns)
                    for kind in kinds
                )
                and nouns
            ]
        texts = tuple(terms.texts)
        if not actions:
            return self._of_nouns(nouns, texts)
        best = most([k for k in kinds if any(t.covered(k) for t in actions)], actions)
        best, dropped = one_thing(best, actions, terms.joins)
        texts += tuple(term.said for term in dropped)
        actions = [term for term in actions if term not in dropped]
        if nouns:
            of_nouns = [kind for kind in best if any(noun.covered(kind) for noun in nouns)]
            if _moves_itself(nouns, actions):
                of_nouns = [kind for kind in best if any(noun.strictly(kind) for noun in nouns)]
                if not of_nouns:
                    said = " ".join(term.said for term in (*nouns, *actions))
                    return Chosen(frozenset(), notes=(f"No kind of event here says “{said}”.",))
            if not of_nouns and all(len(_covered(kind, actions)) > 1 for kind in best):
                notes = tuple(f"read over “{noun.said}”" for noun in nouns)
                return replace(self._of_actions(best, actions, [], terms, texts), notes=notes)
            if not of_nouns:
                chosen = self._of_nouns(nouns, texts)
                said = tuple(term.said for term in actions)
                return Chosen(chosen.pairs, chosen.subject, chosen.groups, (*texts, *said))
            best = most(of_nouns, nouns)
        return self._of_actions(best, actions, nouns, terms, texts)

    def _of_actions(
        self,
        kinds: Sequence[Kind],
        actions: Sequence[Term],
        nouns: Sequence[Term],
        terms: Terms,
        texts: tuple[str, ...],
    ) -> Chosen:
        optional = [one for one in terms.nouns if one.optional]
        best = most(kinds, [*terms.particles, *optional], within=actions)
        best = least_unsaid(best, [*actions, *nouns, *terms.particles, *optional], actions)
        pairs = frozenset(kind.pair for kind in best)
        groups = grouped(best, actions) if len(actions) > 1 else by_type(best)
        return Chosen(pairs, self._named(pairs, nouns), groups, texts)

    def _of_nouns(self, nouns: Sequence[Term], texts: tuple[str, ...]) -> Chosen:
        if not nouns:
            return Chosen(None, texts=texts)
        groups: list[tuple[str, frozenset[Pair]]] = []
        every = frozenset[Pair]()
        for noun in nouns:
            pairs = self._of_noun(noun)
            common = every & pairs
            if common and common != every | pairs:
                # "people loitering" are those that are both; "trucks and vans" are never.
                every, groups = common, [(noun.said, common)]
                continue
            every |= pairs
            groups.append((noun.subject.name if noun.subject is not None else noun.said, pairs))
        return Chosen(every, self._named(every, nouns), tuple(groups), texts)

    def _of_noun(self, noun: Term) -> frozenset[Pair]:
        kinds = self.kinds.values()
        strict = frozenset(kind.pair for kind in kinds if noun.strictly(kind))
        return strict or frozenset(kind.pair for kind in kinds if noun.covered(kind))

    def _named(self, pairs: frozenset[Pair], nouns: Sequence[Term]) -> str:
        """A short name for the kinds: "person", "“vehicle stops”"."""
        types = sorted({pair[0] for pair in pairs})
        if len(types) == 1 and all(pair in pairs for pair in self.kinds if pair[0] == types[0]):
            return f"“{spoken(types[0])}”"
        if nouns and pairs == frozenset[Pair]().union(*(self._of_noun(one) for one in nouns)):
            names = dict.fromkeys(
                one.subject.name if one.subject else _label_name(one, self.labels) for one in nouns
            )
            return " or ".join(names)
        labels = {pair[1] for pair in pairs}
        if len(types) == 1 and len(labels) == 1 and "" not in labels:
            return f"{next(iter(labels))} “{spoken(types[0])}”"
        if len(types) <= 3:
            return " or ".join(f"“{spoken(one)}”" for one in types)
        return "matching"

    def named(self, pairs: frozenset[Pair] | None) -> str:
        """A short name for kinds, whatever they were asked for with; "" for all of them."""
        if pairs is None or pairs == frozenset(self.kinds):
            return ""
        for group in self._language.subjects:
            term = Term(group.name, subject=group)
            if pairs == frozenset(k.pair for k in self.kinds.values() if term.strictly(k)):
                return group.name
        narrow = self.narrowing(pairs)
        if narrow.labels and not narrow.event_types:
            return " or ".join(sorted(narrow.labels))
        return self._named(pairs, ())

    def narrowing(self, pairs: frozenset[Pair] | None) -> Narrowing:
        """A set of kinds as types and labels, in one way only for one set."""
        if pairs is None or pairs == frozenset(self.kinds):
            return Narrowing()
        types = frozenset(pair[0] for pair in pairs)
        labels = frozenset(pair[1] for pair in pairs)
        if all(pair in pairs for pair in self.kinds if pair[0] in types):
            return Narrowing(event_types=types)
        if "" not in labels and all(pair in pairs for pair in self.kinds if pair[1] in labels):
            return Narrowing(labels=labels)
        whole = frozenset(
            one for one in types if all(p in pairs for p in self.kinds if p[0] == one)
        )
        rest = frozenset(pair[1] for pair in pairs if pair[0] not in whole)
        if whole and all(
            (pair in pairs) == (pair[0] in whole or pair[1] in rest) for pair in self.kinds
        ):
            return Narrowing(event_types=whole, labels=rest, type_or_label=True)
        return Narrowing(event_types=types, labels=labels)

    def pairs_of(
        self,
        event_types: frozenset[str] | None,
        labels: frozenset[str] | None,
        *,
        either: bool,
    ) -> frozenset[Pair] | None:
        """The kinds that a Selection's types and labels mean."""
        if not event_types and not labels:
            return None
        found: set[Pair] = set()
        for pair in self.kinds:
            of_type = event_types is None or not event_types or pair[0] in event_types
            of_label = labels is None or not labels or pair[1] in labels
            if event_types and labels and either:
                hit = pair[0] in event_types or pair[1] in labels
            else:
                hit = of_type and of_label
            if hit:
                found.add(pair)
        return frozenset(found)


def _label_name(term: Term, labels: Sequence[str]) -> str:
    stems = {one for option in term.means for one in option}
    return next((one for one in labels if set(name_words(one)) <= stems), term.said)


def _covered(kind: Kind, terms: Sequence[Term]) -> list[Term]:
    return [term for term in terms if term.covered(kind)]


def _moves_itself(nouns: Sequence[Term], actions: Sequence[Term]) -> bool:
    """Whether the nouns are who moves ("vehicles left"), not what is entered or left."""
    moving = [term.at for term in actions if term.moves]
    subjects = [term.at for term in nouns if term.subject is not None]
    return bool(moving and subjects) and max(term.at for term in nouns) < max(moving)
